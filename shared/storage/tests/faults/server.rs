//! An S3 that does as it is told, for what the local lake cannot be made to do.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex},
};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The connection breaks after so many bytes of the body.
    breaks_after: Option<usize>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// None at all: the connection breaks.
    pub(crate) fn lost() -> Self {
        Self::default()
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::new(status).body(format!("<Error><Code>{code}</Code><Message>as told</Message></Error>"))
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn breaking_after(mut self, bytes: usize) -> Self {
        self.breaks_after = Some(bytes);
        self
    }

    /// What `GetObject` answers for an object of these bytes.
    pub(crate) fn object(request: &Request, object: &[u8]) -> Self {
        let range = request.header("range").trim_start_matches("bytes=");
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        if first >= object.len() {
            return Self::error(416, "InvalidRange");
        }
        let last = last.min(object.len() - 1);
        Self::known(206)
            .header("content-range", format!("bytes {first}-{last}/{}", object.len()))
            .body(&object[first..=last])
    }

    /// With what S3 says of every object.
    pub(crate) fn known(status: u16) -> Self {
        Self::new(status).header("etag", "\"e1\"").header("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")
    }
}

pub(crate) type Answer = Box<dyn FnOnce(&Request) -> Reply + Send>;

pub(crate) struct Server {
    endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
    listening: JoinHandle<()>,
}

impl Server {
    /// Answers by a rule.
    pub(crate) async fn start(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (recorded, answer) = (Arc::clone(&requests), Arc::new(Mutex::new(answer)));
        let listening = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (recorded, answer) = (Arc::clone(&recorded), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut connection = BufReader::new(connection);
                    // Ends when the client is gone.
                    let Ok(request) = read(&mut connection).await else { return };
                    recorded.lock().unwrap().push(request.clone());
                    let reply = (*answer.lock().unwrap())(&request);
                    let _ = write(connection.get_mut(), reply).await;
                });
            }
        });
        Self { endpoint, requests, listening }
    }

    /// Answers requests one after the other; what is not expected is 501.
    pub(crate) async fn queue(answers: Vec<Answer>) -> Self {
        let mut answers = VecDeque::from(answers);
        Self::start(move |request| {
            answers.pop_front().map_or(Reply::error(501, "NotExpected"), |answer| answer(request))
        })
        .await
    }

    pub(crate) fn client(&self) -> Client {
        client(&self.endpoint)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// `METHOD PATH` of each request, without what the SDK adds for itself.
    pub(crate) fn log(&self) -> Vec<String> {
        self.requests().iter().map(|r| format!("{} {}", r.method, r.path.replace("x-id=", ""))).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

pub(crate) fn client(endpoint: &str) -> Client {
    let retry = RetryConfig::standard().with_initial_backoff(std::time::Duration::from_millis(5));
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(retry)
        .force_path_style(true);
    Client::from_conf(config.build())
}

async fn read(connection: &mut BufReader<TcpStream>) -> io::Result<Request> {
    let mut request = Request::default();
    let mut line = String::new();
    connection.read_line(&mut line).await?;
    let mut words = line.split(' ').map(str::to_owned);
    request.method = words.next().unwrap_or_default();
    request.path = words.next().ok_or(io::ErrorKind::UnexpectedEof)?;
    loop {
        line.clear();
        connection.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    request.body.resize(request.header("content-length").parse().unwrap_or(0), 0);
    connection.read_exact(&mut request.body).await?;
    Ok(request)
}

async fn write(connection: &mut TcpStream, reply: Reply) -> io::Result<()> {
    if reply.status != 0 {
        let mut head = format!("HTTP/1.1 {} As-Told\r\nconnection: close\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if reply.status != 204 && reply.headers.iter().all(|(name, _)| *name != "content-length") {
            head.extend(["content-length: ", &reply.body.len().to_string(), "\r\n"]);
        }
        connection.write_all((head + "\r\n").as_bytes()).await?;
        let end = reply.breaks_after.unwrap_or(reply.body.len());
        connection.write_all(&reply.body[..end]).await?;
    }
    connection.shutdown().await
}
