use std::sync::Arc;

use cleanzone_error::Fault;
use cleanzone_events::{Failure, Reply};
use cleanzone_lake::{abort_all, on_thread};
use cleanzone_pii::Key;
use cleanzone_runtime::{Handler, Invocation, logs};
use cleanzone_storage::{Location, ObjectStore, Precondition};
use cleanzone_vault::{Field, Resolution, Token, TokenVault, normalise};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::{
    access::{AllowList, Extent, Grants},
    audit::{Audit, Copied, Record},
    error::Error,
    object::{self, Copy, Copying},
    request::{Action, Event, Method, ObjectRequest, Request, Subject},
    reveal::{Reverter, Status, field},
    sts::Identity,
};

/// Bytes of the longest answer that [Lambda sends](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const LONGEST_ANSWER: usize = 6 * 1024 * 1024;

/// Resolves and forgets tokens for callers on the allow-list, and leaves a record of every call.
#[derive(Debug)]
pub(crate) struct DetokenizePii {
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) allow_list: Location,
    /// The bucket of objects in the clear.
    pub(crate) results: String,
    pub(crate) identity: Box<dyn Identity>,
    pub(crate) audit: Audit,
}

impl DetokenizePii {
    /// Whatever becomes of it, the call has left a record before it is answered.
    async fn call(&self, invocation: Invocation) -> Result<Value, Error> {
        let Invocation { payload, deadline, request_id, .. } = invocation;
        let mut record = Record { request_id, ..Record::default() };
        let answer = self.act(payload, deadline, &mut record).await.and_then(sendable);
        let outcome = match &answer {
            Ok(_) => "answered",
            Err(error) if error.is_refusal() => "denied",
            Err(_) => "failed",
        };
        record.error = answer.as_ref().err().map(|error| error.name().as_str());
        self.audit.write(&record, outcome).await?;
        tracing::info!(caller = record.caller, purpose = record.purpose, action = ?record.action, outcome, "recorded");
        answer
    }

    async fn act(&self, payload: Value, deadline: Instant, record: &mut Record) -> Result<Value, Error> {
        let event = Event::of(payload)?;
        let request = Request::of(&event.request)?;
        record.action = Some(request.action);
        record.purpose = Some(request.purpose.clone());
        record.counts.asked = request.subject.count() as u64;
        let grants = in_time(deadline, self.admit(&event, &request, record)).await?;
        match (request.action, request.subject) {
            (_, Subject::Object(object)) => self.copy(object, grants, deadline, record).await,
            (Action::Resolve, Subject::Tokens(tokens)) => {
                in_time(deadline, self.resolve(&tokens, &grants, record)).await
            }
            (Action::Resolve, Subject::Values { field, values }) => {
                in_time(deadline, self.revert(&field, &values, &grants, record)).await
            }
            (Action::Forget, Subject::Values { field, values }) => {
                in_time(deadline, self.forget_values(&field.field, &values, &grants, record)).await
            }
            (_, Subject::Tokens(tokens)) => in_time(deadline, self.forget_tokens(&tokens, &grants, record)).await,
            (_, Subject::Values { .. } | Subject::Vault) => {
                in_time(deadline, async { Ok(json!({"key": self.vault.rotate().await?})) }).await
            }
        }
    }

    /// Finds out who calls, records that the call has begun, and looks up what it may do.
    async fn admit(&self, event: &Event, request: &Request, record: &mut Record) -> Result<Grants, Error> {
        let caller = self.identity.of(&event.proof, &event.request).await?;
        record.caller = Some(caller.arn);
        let extent = match &request.subject {
            Subject::Object(object) => {
                record.object = Some(Copied {
                    source: object.at.to_string(),
                    version: object.pin.version.clone(),
                    columns: object.columns.iter().map(|column| column.name.clone()).collect(),
                    result: self.result(object, record).to_string(),
                });
                Extent::Object(&object.at)
            }
            subject => Extent::Items(subject.count()),
        };
        self.audit.begin(record, &caller.claim).await?;
        let list = AllowList::read(&*self.store, &self.allow_list).await?;
        list.grants(&caller.principal, &request.purpose, request.action, extent)
    }

    async fn resolve(&self, tokens: &[Token], grants: &Grants, record: &mut Record) -> Result<Value, Error> {
        let mut results = Vec::with_capacity(tokens.len());
        for resolved in self.vault.resolve(tokens).await? {
            let token = resolved.token.text().to_string();
            let status = judge(&resolved.resolution, grants, record);
            results.push(match resolved.resolution {
                Resolution::Value { scope, kind, value } if status == Status::Allowed => json!({
                    "token": token, "status": status.name(), "scope": scope, "type": kind, "value": value.expose(),
                }),
                _ => json!({"token": token, "status": status.name()}),
            });
        }
        Ok(json!({"results": results}))
    }

    /// The answer is in the order of the values, which it does not repeat.
    async fn revert(
        &self,
        method: &Method,
        values: &[String],
        grants: &Grants,
        record: &mut Record,
    ) -> Result<Value, Error> {
        covered(&method.field, values.len(), grants, record)?;
        let reverter = Reverter::new(method, self.key().await?)?;
        let mut results = Vec::with_capacity(values.len());
        for value in values {
            let plain = reverter.revert(value);
            let status = plain.as_ref().err().copied().unwrap_or(Status::Allowed);
            record.counts.add(status, &reverter.name);
            results.push(match plain {
                Ok(value) => json!({"status": status.name(), "value": value.as_str()}),
                Err(_) => json!({"status": status.name()}),
            });
        }
        Ok(json!({"results": results}))
    }

    /// An entry is resolved first, since only then its scope and type are known.
    async fn forget_tokens(&self, tokens: &[Token], grants: &Grants, record: &mut Record) -> Result<Value, Error> {
        let mut judged = Vec::with_capacity(tokens.len());
        for resolved in self.vault.resolve(tokens).await? {
            judged.push((resolved.token, judge(&resolved.resolution, grants, record)));
        }
        let mut results = Vec::with_capacity(judged.len());
        for (token, status) in judged {
            let known = status == Status::Allowed && self.vault.forget_token(token).await?;
            record.counts.forgotten += u64::from(known);
            let status = match status {
                Status::Allowed if known => "forgotten",
                // It stands there twice, or somebody else has been faster.
                Status::Allowed => Status::NotFound.name(),
                other => other.name(),
            };
            results.push(json!({"token": token.text().to_string(), "status": status}));
        }
        Ok(json!({"results": results}))
    }

    /// The answer is in the order of the values, which it does not repeat.
    async fn forget_values(
        &self,
        of: &Field,
        values: &[String],
        grants: &Grants,
        record: &mut Record,
    ) -> Result<Value, Error> {
        covered(of, values.len(), grants, record)?;
        let name = field(of.scope(), of.kind());
        let mut results = Vec::with_capacity(values.len());
        for value in values {
            // As `tokenize-pii` spells it.
            let known = self.vault.forget_value(of, &normalise(of.kind(), value)).await?;
            record.counts.add(if known { Status::Allowed } else { Status::NotFound }, &name);
            record.counts.forgotten += u64::from(known);
            results.push(json!({"status": if known { "forgotten" } else { Status::NotFound.name() }}));
        }
        Ok(json!({"results": results}))
    }

    async fn copy(
        &self,
        object: ObjectRequest,
        grants: Grants,
        deadline: Instant,
        record: &mut Record,
    ) -> Result<Value, Error> {
        // Originals are there, with everything in them in the clear.
        if object.at.bucket == self.results {
            return Err(Error::Original);
        }
        for method in object.columns.iter().filter_map(|column| column.method.as_ref()) {
            covered(&method.field, 0, &grants, record)?;
        }
        let to = self.result(&object, record);
        let ObjectRequest { at: from, pin, columns } = object;
        let needs_key = columns.iter().any(|column| column.method.is_some());
        let key = if needs_key { Some(in_time(deadline, self.key()).await?) } else { None };
        let opened = async { Ok(self.store.open(&from, &pin).await.map_err(cleanzone_lake::Error::from)?) };
        let reader = in_time(deadline, opened).await?;
        if let Some(copied) = &mut record.object {
            copied.version.clone_from(&reader.meta().version);
        }
        let (store, vault) = (self.store.clone(), self.vault.clone());
        let copying = Copying { store, vault, from, to: to.clone(), grants, columns, key };
        let ended = on_thread(Some(deadline), move |bridge| copying.run(reader, &bridge)).await;
        let (counts, copy) = ended.map_err(Error::Ended)?;
        record.counts = counts;
        let Copy { mut staged, rejected } = copy?;
        let publishing = async {
            self.audit.write(record, "publishing").await?;
            staged.publish(&Precondition::Absent).await.map_err(cleanzone_lake::Error::from)?;
            Ok(())
        };
        let published = in_time(deadline, publishing).await;
        // What has become visible stays; what has not, is freed.
        abort_all(vec![staged]).await;
        published?;
        Ok(json!({
            "object": {"bucket": to.bucket, "key": to.key},
            "rejected": rejected,
            "counts": record.counts,
        }))
    }

    /// Where the copy of an object comes to lie.
    fn result(&self, object: &ObjectRequest, record: &Record) -> Location {
        Location::new(&self.results, format!("{}/{}/{}", object::FOLDER, record.request_id, object.at.key))
    }

    /// The key of the methods that take one.
    async fn key(&self) -> Result<Key, Error> {
        let key = self.vault.method_key().await?;
        Ok(Key::new(&key.id, key.secret)?)
    }
}

/// Whether what a token stands for may leave; counted.
fn judge(resolution: &Resolution, grants: &Grants, record: &mut Record) -> Status {
    let status = Status::of(resolution, grants);
    let name = match resolution {
        Resolution::Value { scope, kind, .. } => field(scope, kind),
        Resolution::NotFound | Resolution::Tampered => String::new(),
    };
    record.counts.add(status, &name);
    status
}

/// Refuses all values of a field that nobody has allowed.
fn covered(field: &Field, values: usize, grants: &Grants, record: &mut Record) -> Result<(), Error> {
    if grants.cover(field.scope(), field.kind()) {
        return Ok(());
    }
    record.counts.denied += values as u64;
    Err(Error::Denied)
}

/// The answer, if Lambda sends it.
fn sendable(answer: Value) -> Result<Value, Error> {
    match answer.to_string().len() {
        found if found > LONGEST_ANSWER => Err(Error::LongAnswer { found, limit: LONGEST_ANSWER }),
        _ => Ok(answer),
    }
}

/// What takes no longer than there is time.
async fn in_time<T>(deadline: Instant, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout_at(deadline, work).await.unwrap_or(Err(Error::OutOfTime))
}

impl Handler for DetokenizePii {
    async fn handle(&self, invocation: Invocation) -> Reply {
        let end = invocation.end;
        let answer = timeout_at(end, self.call(invocation)).await.unwrap_or(Err(Error::OutOfTime));
        answer.map_err(|error| {
            let failure = Failure::of(&error);
            logs::failure(&failure);
            failure
        })
    }
}

#[cfg(test)]
mod tests;
