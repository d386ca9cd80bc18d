//! A function under [Lambda's runtime API][api]: what it answers, what it logs, and that nothing ends it.
//!
//! [api]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{
    env,
    path::PathBuf,
    process::Stdio,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    time::timeout,
};

/// What became of an invocation: the path after its ID (`response` or `error`), and the body.
type Answer = (String, Value);

/// Runs the example on these payloads; returns its answers and its log lines.
async fn invoke(variables: &[(&str, &str)], payloads: &[Value]) -> (Vec<Answer>, Vec<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Tests are in `deps`, examples beside it.
    let mut program: PathBuf = env::current_exe().unwrap();
    program.pop();
    program.pop();
    let mut child = Command::new(program.join("examples/greeter"))
        .env_clear()
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "greeter"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let mut answers = Vec::new();
    let served = timeout(Duration::from_secs(30), serve(&listener, payloads, &mut answers)).await;
    child.kill().await.unwrap();
    served.unwrap();
    let mut lines = BufReader::new(stdout).lines();
    let mut log = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        log.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
    }
    (answers, log)
}

async fn serve(listener: &TcpListener, payloads: &[Value], answers: &mut Vec<Answer>) {
    let mut waiting = payloads.iter().enumerate();
    loop {
        // A connection a request: which of several it would reuse is the client's choice.
        let (mut connection, _) = listener.accept().await.unwrap();
        let (method, path, body) = request(&mut connection).await;
        let path = path.strip_prefix("/2018-06-01/runtime/invocation/").unwrap();
        if method == "GET" {
            assert_eq!(path, "next");
            let Some((i, payload)) = waiting.next() else { return };
            let deadline = SystemTime::now() + Duration::from_secs(100);
            let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
            let headers = format!("lambda-runtime-aws-request-id: r-{i}\r\nlambda-runtime-deadline-ms: {deadline}\r\n");
            respond(&mut connection, "200 OK", &headers, &payload.to_string()).await;
        } else {
            let (id, kind) = path.split_once('/').unwrap();
            assert_eq!(id, format!("r-{}", answers.len()));
            answers.push((kind.to_owned(), serde_json::from_str(&body).unwrap()));
            respond(&mut connection, "202 Accepted", "", "").await;
        }
    }
}

async fn respond(connection: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let response = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    connection.write_all(response.as_bytes()).await.unwrap();
}

/// Method, path and body of the next request.
async fn request(connection: &mut TcpStream) -> (String, String, String) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(bytes).unwrap();
    let header = |wanted: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
    };
    assert_eq!(header("transfer-encoding"), None, "{head}");
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    let mut words = head.split(' ');
    (words.next().unwrap().to_owned(), words.next().unwrap().to_owned(), String::from_utf8(body).unwrap())
}

fn direct(key: &str) -> Value {
    json!({"bucket": "landing-zone", "key": key})
}

#[tokio::test]
async fn answers_with_the_report_and_logs_what_it_did() {
    let (answers, log) = invoke(&[("GREETING", "hello")], &[direct("crm/sales/users/1.csv")]).await;
    let report = json!({"greeting": "hello, crm/sales/users/1.csv", "extension": ".csv"});
    assert_eq!((answers[0].0.as_str(), &answers[0].1["report"]), ("response", &report));
    // Of the 100 s there are, 5 are for cleaning up; some pass in the test.
    assert!((90..=95).contains(&answers[0].1["seconds"].as_u64().unwrap()), "{answers:?}");
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0]["message"], "greeted");
    assert_eq!(log[0]["level"], "INFO");
    assert_eq!(log[0]["requestId"], "r-0");
    assert_eq!(log[0]["source"], "s3://landing-zone/crm/sales/users/1.csv");
    assert_eq!(log[0]["table"], "hello.world");
    assert_eq!(log[0]["report"], report);
}

#[tokio::test]
async fn an_error_has_its_stable_name_and_a_panic_ends_nothing() {
    let payloads = [json!({"hello": "s3cret"}), direct("s3cret-key"), direct("a/b/c.csv")];
    let (answers, log) = invoke(&[("GREETING", "hello")], &payloads).await;
    let kinds: Vec<_> = answers.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["error", "error", "response"]);
    assert_eq!(answers[0].1["errorType"], "InvalidEvent");
    assert_eq!(answers[1].1["errorType"], "Internal");
    // The panic's own message would have shown the key, which could as well have been a value of the data.
    assert!(!answers.iter().any(|(_, body)| body.to_string().contains("s3cret")), "{answers:?}");
    let errors: Vec<_> = log.iter().filter(|line| line["level"] == "ERROR").collect();
    let names: Vec<_> = errors.iter().map(|line| (line["requestId"].as_str(), line["error"].as_str())).collect();
    let (first, second) = ((Some("r-0"), Some("InvalidEvent")), (Some("r-1"), Some("Internal")));
    assert_eq!(names, [first, second]);
    assert!(errors[1]["location"].as_str().unwrap().contains("greeter.rs"), "{:?}", errors[1]);
    assert!(!errors.iter().any(|line| line["message"].as_str().unwrap().contains("s3cret")), "{errors:?}");
}

#[tokio::test]
async fn a_function_that_cannot_be_set_up_says_so_to_everybody_who_asks() {
    let (answers, log) = invoke(&[("GREETING", "")], &[direct("a/b/c.csv"), direct("a/b/d.csv")]).await;
    for (kind, body) in &answers {
        assert_eq!(kind, "error");
        assert_eq!(body["errorType"], "InvalidSettings");
        assert_eq!(body["errorMessage"], "GREETING is not set: expected how to begin");
    }
    assert_eq!(answers.len(), 2);
    assert_eq!(log[0]["error"], "InvalidSettings", "{log:?}");
}

#[tokio::test]
async fn the_log_level_is_a_setting() {
    let variables = [("GREETING", "hello"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")];
    let (answers, log) = invoke(&variables, &[direct("crm/sales/users/1.csv")]).await;
    assert_eq!(answers[0].0, "response");
    assert_eq!(log, [json!(null); 0]);
}
