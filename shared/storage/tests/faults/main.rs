//! What S3 does when it does not simply succeed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests end tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_credential_types::{credential_fn::provide_credentials_fn, provider::error::CredentialsError};
use aws_sdk_s3::Client;
use bytes::{Bytes, BytesMut};
use cleanzone_error::{Fault, chain};
use cleanzone_storage::{
    Error, Location, ObjectReader, ObjectStore, Pin, Precondition, Result, Retry, S3Options, S3Store, WriteOptions,
};

use crate::server::{Answer, Reply, Request, Server, client};

mod server;

const MIB: usize = 1024 * 1024;
const PART: usize = 5 * MIB;

/// Ranges of 100 bytes, one at a time.
fn options() -> S3Options {
    let retry = Retry { retries: 2, first: Duration::from_millis(1), longest: Duration::from_millis(2) };
    S3Options { range_size: 100, ranges: 1, part_size: PART, parts: 1, retry, ..S3Options::default() }
}

fn store(server: &Server) -> S3Store {
    S3Store::new(server.client(), options())
}

fn at() -> Location {
    Location::new("b", "k")
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

fn answer(reply: Reply) -> Answer {
    Box::new(move |_| reply)
}

fn object(body: &[u8]) -> Answer {
    let body = body.to_vec();
    Box::new(move |request| Reply::object(request, &body))
}

fn breaking(body: &[u8], after: usize) -> Answer {
    let body = body.to_vec();
    Box::new(move |request| Reply::object(request, &body).breaking_after(after))
}

async fn open(server: &Server) -> Result<Box<dyn ObjectReader>> {
    store(server).open(&at(), &Pin::default()).await
}

async fn rest(reader: &mut dyn ObjectReader) -> Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = reader.next().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn put(server: &Server, when: &Precondition) -> Result<String> {
    store(server).put(&at(), "new".into(), when, &WriteOptions::default()).await
}

/// What `HeadObject` answers for the object that `write` made.
fn made_by(write: &Request) -> Reply {
    Reply::known(200).header("x-amz-meta-cleanzone-write", write.header("x-amz-meta-cleanzone-write"))
}

// Reading

#[tokio::test]
async fn a_small_object_costs_one_request() {
    for size in [1, 99, 100] {
        let body = bytes(size);
        let server = Server::queue(vec![object(&body)]).await;
        let mut reader = open(&server).await.unwrap();
        assert_eq!((reader.meta().size, reader.meta().etag.as_str()), (size as u64, "e1"));
        assert_eq!(rest(&mut *reader).await.unwrap(), body);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn every_range_is_pinned_to_the_first() {
    let body = bytes(250);
    let server = Server::queue(vec![object(&body), object(&body), object(&body)]).await;
    let pin = Pin { version: Some("v7".into()), etag: None };
    let mut reader = store(&server).open(&at(), &pin).await.unwrap();
    assert_eq!(rest(&mut *reader).await.unwrap(), body);
    let requests = server.requests();
    let sent = |name: &'static str| requests.iter().map(move |r| r.header(name)).collect::<Vec<_>>();
    assert_eq!(sent("range"), ["bytes=0-99", "bytes=100-199", "bytes=200-249"]);
    assert_eq!(sent("if-match"), ["", "\"e1\"", "\"e1\""]);
    assert!(requests.iter().all(|r| r.path.contains("versionId=v7")));
}

#[tokio::test]
async fn an_empty_object_is_not_an_error() {
    let server = Server::queue(vec![object(b""), answer(Reply::known(200))]).await;
    let mut reader = open(&server).await.unwrap();
    assert_eq!(reader.meta().size, 0);
    assert_eq!(rest(&mut *reader).await.unwrap(), "");
    assert_eq!(server.requests()[1].header("range"), "");
}

#[tokio::test]
async fn a_server_without_ranges_is_read_too() {
    let body = bytes(250);
    let server = Server::queue(vec![answer(Reply::known(200).body(&*body))]).await;
    assert_eq!(rest(&mut *open(&server).await.unwrap()).await.unwrap(), body);
}

#[tokio::test]
async fn the_wrong_range_is_refused() {
    let body = bytes(250);
    let wrong = Reply::known(206).header("content-range", "bytes 0-99/250").body(&body[..100]);
    let server = Server::queue(vec![object(&body), answer(wrong)]).await;
    let error = rest(&mut *open(&server).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { action: "s3:GetObject", .. }), "{error:?}");
}

#[tokio::test]
async fn a_broken_body_goes_on_where_it_broke() {
    let body = bytes(250);
    // The second range breaks three times; each time brings it further, so the limit of two does not apply.
    let second = [breaking(&body, 7), breaking(&body, 20), breaking(&body, 1), object(&body)];
    let mut answers = vec![breaking(&body, 60), object(&body)];
    answers.extend(second);
    answers.push(object(&body));
    let server = Server::queue(answers).await;
    assert_eq!(rest(&mut *open(&server).await.unwrap()).await.unwrap(), body);
    let ranges: Vec<_> = server.requests().iter().map(|r| r.header("range").to_owned()).collect();
    assert_eq!(
        ranges,
        [
            "bytes=0-99",
            "bytes=60-99",
            "bytes=100-199",
            "bytes=107-199",
            "bytes=127-199",
            "bytes=128-199",
            "bytes=200-249"
        ]
    );
}

#[tokio::test]
async fn a_body_that_never_comes_is_unavailable() {
    let body = bytes(50);
    let answers = (0..3).map(|_| breaking(&body, 0)).collect();
    let server = Server::queue(answers).await;
    let mut reader = open(&server).await.unwrap();
    let error = reader.next().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(..)) && error.is_transient(), "{error:?}");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_failed_read_never_looks_like_the_end() {
    let body = bytes(250);
    let server = Server::queue(vec![object(&body), answer(Reply::error(403, "AccessDenied"))]).await;
    let mut reader = open(&server).await.unwrap();
    let error = rest(&mut *reader).await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied { action: "s3:GetObject", .. }), "{error:?}");
    assert!(reader.next().await.is_err());
}

#[tokio::test]
async fn an_object_that_changes_between_ranges_is_changed() {
    for then in [Reply::error(412, "PreconditionFailed"), Reply::error(404, "NoSuchKey")] {
        let server = Server::queue(vec![object(&bytes(250)), answer(then)]).await;
        let error = rest(&mut *open(&server).await.unwrap()).await.unwrap_err();
        assert!(matches!(&error, Error::Changed(found) if *found == at()), "{error:?}");
    }
}

#[tokio::test]
async fn an_archived_object_is_archived() {
    let server = Server::queue(vec![answer(Reply::error(403, "InvalidObjectState"))]).await;
    assert!(matches!(open(&server).await, Err(Error::Archived(found)) if found == at()));
}

#[tokio::test]
async fn a_slow_down_is_waited_for_and_then_reported() {
    let slow = || answer(Reply::error(503, "SlowDown"));
    let server = Server::queue(vec![slow(), slow(), object(&bytes(9))]).await;
    assert_eq!(rest(&mut *open(&server).await.unwrap()).await.unwrap(), bytes(9));

    let server = Server::queue(vec![slow(), slow(), slow()]).await;
    let error = open(&server).await.unwrap_err();
    assert!(matches!(error, Error::Throttled(..)) && error.is_transient(), "{error:?}");
    assert!(chain(&error).contains("SlowDown"), "{}", chain(&error));
}

/// What is in memory is bounded by the ranges that were asked for.
#[tokio::test]
async fn no_more_is_read_ahead_than_allowed() {
    let body = bytes(2000);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let content = body.clone();
    let server = Server::start(move |request| {
        counted.fetch_add(1, Ordering::SeqCst);
        Reply::object(request, &content)
    })
    .await;
    let store = S3Store::new(server.client(), S3Options { ranges: 4, ..options() });
    let mut reader = store.open(&at(), &Pin::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1, "nobody has read yet");

    let mut read = BytesMut::from(&*reader.next().await.unwrap().unwrap());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 4, "the current range and three more");
    read.extend_from_slice(&rest(&mut *reader).await.unwrap());
    assert_eq!(read, body);
    assert_eq!(asked.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn no_connection_is_transient_and_no_credentials_are_not() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let store = S3Store::new(client(&closed), options());
    let error = store.open(&at(), &Pin::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(..)), "{error:?}");

    let server = Server::queue(vec![]).await;
    let provider = provide_credentials_fn(|| async { Err(CredentialsError::not_loaded_no_source()) });
    let config = server.client().config().to_builder().credentials_provider(provider).build();
    let store = S3Store::new(Client::from_conf(config), options());
    let error = store.open(&at(), &Pin::default()).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert!(server.requests().is_empty());
}

// Writing

#[tokio::test]
async fn another_writer_breaks_the_precondition() {
    let by_another = Reply::known(200).header("x-amz-meta-cleanzone-write", "another");
    for then in [by_another, Reply::known(200), Reply::new(404), Reply::new(403)] {
        let server = Server::queue(vec![answer(Reply::error(412, "PreconditionFailed")), answer(then)]).await;
        assert!(matches!(put(&server, &Precondition::Absent).await, Err(Error::Precondition(found)) if found == at()));
        assert_eq!(server.requests()[0].header("if-none-match"), "*");
        assert_eq!(server.log(), ["PUT /b/k?PutObject", "HEAD /b/k"]);
    }
}

#[tokio::test]
async fn nothing_there_to_match_breaks_the_precondition() {
    let server = Server::queue(vec![answer(Reply::error(404, "NoSuchKey")), answer(Reply::new(404))]).await;
    let when = Precondition::Matches("e0".into());
    assert!(matches!(put(&server, &when).await, Err(Error::Precondition(found)) if found == at()));
    assert_eq!(server.requests()[0].header("if-match"), "\"e0\"");
}

/// Answers writes as told, and `HeadObject` by what the first write made.
async fn remembering(writes: Vec<(&'static str, Reply)>) -> Server {
    let mut writes = std::collections::VecDeque::from(writes);
    let mut first = None;
    Server::start(move |request| {
        if request.headers.contains_key("x-amz-meta-cleanzone-write") {
            first.get_or_insert_with(|| request.clone());
        }
        if request.method == "HEAD" {
            return first.as_ref().map_or(Reply::new(404), made_by);
        }
        match writes.pop_front() {
            Some((method, reply)) if method == request.method => reply,
            _ => Reply::error(501, "NotExpected"),
        }
    })
    .await
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_recognised() {
    let writes = vec![("PUT", Reply::lost()), ("PUT", Reply::error(412, "PreconditionFailed"))];
    let server = remembering(writes).await;
    assert_eq!(put(&server, &Precondition::Absent).await.unwrap(), "e1");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn two_writes_are_never_taken_for_one() {
    let ok = || Reply::known(200);
    let server = remembering(vec![("PUT", ok()), ("PUT", Reply::error(412, "PreconditionFailed"))]).await;
    put(&server, &Precondition::Absent).await.unwrap();
    assert!(matches!(put(&server, &Precondition::Absent).await, Err(Error::Precondition(_))));
}

#[tokio::test]
async fn a_put_that_meets_another_is_sent_again() {
    let conflict = || answer(Reply::error(409, "ConditionalRequestConflict"));
    let server = Server::queue(vec![conflict(), conflict(), answer(Reply::known(200))]).await;
    assert_eq!(put(&server, &Precondition::Absent).await.unwrap(), "e1");
    assert!(server.requests().iter().all(|r| r.body == b"new"));

    let server = Server::queue(vec![conflict(), conflict(), conflict(), answer(Reply::new(404))]).await;
    let error = put(&server, &Precondition::Absent).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)) && error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn what_is_written_carries_a_checksum() {
    let server = Server::queue(vec![answer(Reply::known(200))]).await;
    put(&server, &Precondition::None).await.unwrap();
    // CRC-32 of "new", big-endian, in base64.
    assert_eq!(server.requests()[0].header("x-amz-checksum-crc32"), "a+NERQ==");
}

const CREATED: &str = "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>\"e1\"</ETag></CompleteMultipartUploadResult>";

fn created() -> (&'static str, Reply) {
    ("POST", Reply::new(200).body(CREATED))
}

fn part() -> (&'static str, Reply) {
    ("PUT", Reply::new(200).header("etag", "\"p\""))
}

fn aborted() -> (&'static str, Reply) {
    ("DELETE", Reply::new(204))
}

/// Two parts and a bit.
async fn stage(server: &Server) -> Result<Box<dyn cleanzone_storage::Staged>> {
    let mut upload = store(server).upload(&at(), &WriteOptions::default()).await?;
    upload.write(vec![1; 2 * PART + 1].into()).await?;
    upload.finish().await
}

#[tokio::test]
async fn an_object_of_one_part_is_put() {
    let server = remembering(vec![("PUT", Reply::known(200))]).await;
    let mut upload = store(&server).upload(&at(), &WriteOptions::default()).await.unwrap();
    upload.write(vec![1; PART].into()).await.unwrap();
    let mut staged = upload.finish().await.unwrap();
    assert!(server.requests().is_empty());
    staged.publish(&Precondition::Absent).await.unwrap();
    assert_eq!(server.log(), ["PUT /b/k?PutObject"]);
    assert_eq!(server.requests()[0].body.len(), PART);
}

#[tokio::test]
async fn parts_become_an_object_on_publication() {
    let completed = ("POST", Reply::new(200).body(COMPLETED));
    let server = remembering(vec![created(), part(), part(), part(), completed]).await;
    let mut staged = stage(&server).await.unwrap();
    assert_eq!(server.requests().len(), 4);
    assert_eq!(staged.publish(&Precondition::Matches("e0".into())).await.unwrap(), "e1");
    drop(staged);
    tokio::time::sleep(Duration::from_millis(50)).await;

    let requests = server.requests();
    let sizes: Vec<_> = requests[1..4].iter().map(|r| r.body.len()).collect();
    assert_eq!(sizes, [PART, PART, 1]);
    let signed = requests[1].header("authorization");
    assert!(requests[1].headers.contains_key("x-amz-checksum-crc32") && signed.contains("x-amz-checksum-crc32"));
    let complete = &requests[4];
    assert_eq!(requests.len(), 5, "nothing is aborted after publication");
    assert_eq!(complete.header("if-match"), "\"e0\"");
    assert_eq!(complete.header("x-amz-mp-object-size"), (2 * PART + 1).to_string());
    let body = String::from_utf8_lossy(&complete.body);
    let positions: Vec<_> = (1..=3).map(|n| body.find(&format!("<PartNumber>{n}</PartNumber>")).unwrap()).collect();
    assert!(positions.is_sorted(), "{body}");
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_recognised() {
    for then in [Reply::error(404, "NoSuchUpload"), Reply::error(412, "PreconditionFailed")] {
        let writes = vec![created(), part(), part(), part(), ("POST", Reply::lost()), ("POST", then)];
        let server = remembering(writes).await;
        let mut staged = stage(&server).await.unwrap();
        assert_eq!(staged.publish(&Precondition::Absent).await.unwrap(), "e1");
    }
}

#[tokio::test]
async fn a_completion_that_failed_can_be_asked_for_again() {
    let lost = || ("POST", Reply::lost());
    let gone = ("POST", Reply::error(404, "NoSuchUpload"));
    let server = remembering(vec![created(), part(), part(), part(), lost(), lost(), lost(), gone]).await;
    let mut staged = stage(&server).await.unwrap();
    let error = staged.publish(&Precondition::Absent).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(..)), "{error:?}");
    assert_eq!(staged.publish(&Precondition::Absent).await.unwrap(), "e1");
}

#[tokio::test]
async fn a_completion_that_fails_after_its_status_is_a_failure() {
    let failing = || ("POST", Reply::error(200, "InternalError"));
    let server = remembering(vec![created(), part(), part(), part(), failing(), failing(), failing(), aborted()]).await;
    let mut staged = stage(&server).await.unwrap();
    let error = staged.publish(&Precondition::Absent).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    staged.abort().await.unwrap();
    assert_eq!(server.log().last().unwrap(), "DELETE /b/k?AbortMultipartUpload&uploadId=u1");
}

#[tokio::test]
async fn a_completion_that_meets_another_writer_is_a_conflict() {
    let conflict = ("POST", Reply::error(409, "ConditionalRequestConflict"));
    let by_another = answer(Reply::known(200).header("x-amz-meta-cleanzone-write", "another"));
    let writes = [created(), part(), part(), part(), conflict];
    let mut answers: Vec<_> = writes.into_iter().map(|(_, reply)| answer(reply)).collect();
    answers.push(by_another);
    let server = Server::queue(answers).await;
    let mut staged = stage(&server).await.unwrap();
    assert!(matches!(staged.publish(&Precondition::Absent).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_failed_part_aborts_the_upload_and_ends_it() {
    let server = remembering(vec![created(), ("PUT", Reply::error(403, "AccessDenied")), aborted()]).await;
    let mut upload = store(&server).upload(&at(), &WriteOptions::default()).await.unwrap();
    let error = upload.write(vec![1; 2 * PART + 1].into()).await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied { action: "s3:PutObject", .. }), "{error:?}");
    assert_eq!(server.log().last().unwrap(), "DELETE /b/k?AbortMultipartUpload&uploadId=u1");
    // An object with a hole must not come of it.
    assert!(upload.write("x".into()).await.is_err());
    assert!(upload.finish().await.is_err());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_write_that_was_given_up_halfway_ends_the_upload() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::new(200).body(CREATED),
        "DELETE" => Reply::new(204),
        _ => {
            std::thread::sleep(Duration::from_millis(100));
            Reply::new(200).header("etag", "\"p\"")
        }
    })
    .await;
    let mut upload = store(&server).upload(&at(), &WriteOptions::default()).await.unwrap();
    let write = upload.write(vec![1; 5 * PART].into());
    assert!(tokio::time::timeout(Duration::from_millis(30), write).await.is_err());
    assert!(upload.write("x".into()).await.is_err());
    assert!(upload.finish().await.is_err());
}

#[tokio::test]
async fn an_upload_that_is_dropped_is_aborted() {
    let server = remembering(vec![created(), part(), part(), part(), aborted()]).await;
    drop(stage(&server).await.unwrap());
    for _ in 0..100 {
        if server.requests().len() == 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.log()[4], "DELETE /b/k?AbortMultipartUpload&uploadId=u1");
}

// Copying

fn found(size: u64) -> Reply {
    Reply::known(200).header("content-length", size.to_string()).header("content-type", "text/csv")
}

fn copied() -> Reply {
    Reply::new(200).body("<CopyObjectResult><ETag>\"e2\"</ETag></CopyObjectResult>")
}

fn copied_part() -> Reply {
    Reply::new(200).body("<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>")
}

async fn copy(server: &Server, when: &Precondition) -> Result<String> {
    let pin = Pin { version: Some("v7".into()), etag: None };
    let options = WriteOptions { content_type: None, metadata: [("why".to_owned(), "so".to_owned())].into() };
    store(server).copy(&Location::new("b", "a b+c"), &pin, &at(), when, &options).await
}

#[tokio::test]
async fn a_copy_is_pinned_conditional_and_without_tags() {
    let server = Server::queue(vec![answer(found(9)), answer(copied())]).await;
    assert_eq!(copy(&server, &Precondition::Absent).await.unwrap(), "e2");
    let requests = server.requests();
    assert_eq!(server.log(), ["HEAD /b/a%20b%2Bc?versionId=v7", "PUT /b/k?CopyObject"]);
    for (name, expected) in [
        ("x-amz-copy-source", "b/a%20b%2Bc?versionId=v7"),
        ("x-amz-copy-source-if-match", "\"e1\""),
        ("if-none-match", "*"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-meta-why", "so"),
        ("content-type", "text/csv"),
    ] {
        assert_eq!(requests[1].header(name), expected, "{name}");
    }
}

#[tokio::test]
async fn the_condition_that_a_copy_broke_is_found_out() {
    let refused = || answer(Reply::error(412, "PreconditionFailed"));
    // The copy's: nothing of ours lies there, and the source is as it was.
    let server = Server::queue(vec![answer(found(9)), refused(), answer(Reply::known(200)), answer(found(9))]).await;
    let outcome = copy(&server, &Precondition::Matches("e0".into())).await;
    assert!(matches!(&outcome, Err(Error::Precondition(found)) if *found == at()), "{outcome:?}");
    assert_eq!(server.requests()[1].header("if-match"), "\"e0\"");
    // The source's.
    let source = Location::new("b", "a b+c");
    for (then, changed) in [(Reply::new(412), true), (Reply::new(404), false)] {
        let server = Server::queue(vec![answer(found(9)), refused(), answer(Reply::new(404)), answer(then)]).await;
        match copy(&server, &Precondition::Absent).await {
            Err(Error::Changed(at)) => assert!(changed && at == source),
            Err(Error::NotFound(at)) => assert!(!changed && at == source),
            outcome => panic!("{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_copy_whose_answer_was_lost_is_recognised() {
    let mut first = None;
    let mut writes = std::collections::VecDeque::from([Reply::lost(), Reply::error(412, "PreconditionFailed")]);
    let server = Server::start(move |request| match request.method.as_str() {
        "HEAD" if request.path.starts_with("/b/k") => first.as_ref().map_or(Reply::new(404), made_by),
        "HEAD" => found(9),
        _ => {
            first.get_or_insert_with(|| request.clone());
            writes.pop_front().unwrap_or(Reply::error(501, "NotExpected"))
        }
    })
    .await;
    assert_eq!(copy(&server, &Precondition::Absent).await.unwrap(), "e1");
}

#[tokio::test]
async fn what_keeps_a_copy_from_being_made_is_named() {
    let archived = Server::queue(vec![answer(found(9)), answer(Reply::error(403, "InvalidObjectState"))]).await;
    let error = copy(&archived, &Precondition::None).await.unwrap_err();
    assert!(matches!(&error, Error::Archived(at) if at.key == "a b+c"), "{error:?}");
    let forbidden = Server::queue(vec![answer(found(9)), answer(Reply::error(403, "AccessDenied"))]).await;
    let error = copy(&forbidden, &Precondition::None).await.unwrap_err();
    assert_eq!(error.to_string(), "not allowed to s3:PutObject s3://b/k");
    // It can fail after its status.
    let failing = || answer(Reply::error(200, "InternalError"));
    let server = Server::queue(vec![answer(found(9)), failing(), failing(), failing()]).await;
    let error = copy(&server, &Precondition::None).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn what_is_too_large_for_one_request_is_copied_in_parts() {
    const SIZE: u64 = (5 << 30) + 1;
    let completed = ("POST", Reply::new(200).body(COMPLETED));
    let parts = (0..6).map(|_| ("PUT", copied_part()));
    let answers = [("HEAD", found(SIZE)), created()].into_iter().chain(parts).chain([completed]);
    let server = Server::queue(answers.map(|(_, reply)| answer(reply)).collect()).await;
    assert_eq!(copy(&server, &Precondition::Absent).await.unwrap(), "e1");
    let requests = server.requests();
    let ranges: Vec<_> = requests[2..8].iter().map(|r| r.header("x-amz-copy-source-range")).collect();
    assert_eq!((ranges[0], ranges[5]), ("bytes=0-1073741823", "bytes=5368709120-5368709120"));
    assert!(requests[2..8].iter().all(|r| r.header("x-amz-copy-source-if-match") == "\"e1\""));
    assert_eq!((requests[1].header("x-amz-meta-why"), requests[1].header("content-type")), ("so", "text/csv"));
    assert_eq!(requests[8].header("if-none-match"), "*");
    assert_eq!(requests[8].header("x-amz-mp-object-size"), SIZE.to_string());

    let answers = [found(SIZE), created().1, Reply::error(403, "AccessDenied"), Reply::new(204)];
    let server = Server::queue(answers.into_iter().map(answer).collect()).await;
    assert!(copy(&server, &Precondition::Absent).await.is_err());
    assert_eq!(server.log().last().unwrap(), "DELETE /b/k?AbortMultipartUpload&uploadId=u1");
}

// Removing

fn refusals(refusals: &[(&str, &str)]) -> Reply {
    let errors = refusals.iter().map(|(key, code)| format!("<Error><Key>{key}</Key><Code>{code}</Code></Error>"));
    Reply::new(200).body(format!("<DeleteResult>{}</DeleteResult>", errors.collect::<String>()))
}

async fn delete(server: &Server) -> Result<()> {
    store(server).delete(&["x", "y", "z"].map(|key| Location::new("b", key))).await
}

#[tokio::test]
async fn an_object_that_cannot_be_removed_is_named() {
    let server = Server::queue(vec![answer(refusals(&[("y", "AccessDenied")]))]).await;
    let error = delete(&server).await.unwrap_err();
    assert_eq!(error.to_string(), "not allowed to s3:DeleteObject s3://b/y");
}

#[tokio::test]
async fn only_what_could_not_be_removed_just_now_is_tried_again() {
    let server = Server::queue(vec![
        answer(refusals(&[("y", "SlowDown"), ("z", "NoSuchKey")])),
        answer(refusals(&[("y", "InternalError")])),
        answer(refusals(&[])),
    ])
    .await;
    delete(&server).await.unwrap();
    let keys = |request: &Request| String::from_utf8_lossy(&request.body).matches("<Key>").count();
    assert_eq!(server.requests().iter().map(keys).collect::<Vec<_>>(), [3, 1, 1]);

    let always = || answer(refusals(&[("y", "SlowDown")]));
    let server = Server::queue(vec![always(), always(), always()]).await;
    let error = delete(&server).await.unwrap_err();
    assert!(matches!(error, Error::Throttled(found, _) if found.key == "y"));
}

#[tokio::test]
async fn a_removal_on_condition_knows_its_own_work() {
    let delete = |server: &Server| {
        let store = store(server);
        async move { store.delete_if(&at(), "e1").await }
    };
    let refused = || answer(Reply::error(412, "PreconditionFailed"));
    // It was ours whose answer was lost.
    let server = Server::queue(vec![answer(Reply::lost()), refused(), answer(Reply::new(404))]).await;
    delete(&server).await.unwrap();
    assert_eq!(server.requests()[1].header("if-match"), "\"e1\"");
    // It is another object now, or we may not know.
    for then in [Reply::known(200), Reply::new(403)] {
        let server = Server::queue(vec![refused(), answer(then)]).await;
        let outcome = delete(&server).await;
        assert!(matches!(&outcome, Err(Error::Precondition(found)) if *found == at()), "{outcome:?}");
    }
    // It met another write.
    let conflict = answer(Reply::error(409, "ConditionalRequestConflict"));
    let server = Server::queue(vec![conflict, answer(Reply::new(204))]).await;
    delete(&server).await.unwrap();
}
