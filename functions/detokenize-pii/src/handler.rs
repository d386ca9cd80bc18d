use std::{collections::BTreeMap, sync::Arc};

use cleanzone_events::{Failure, Reply};
use cleanzone_runtime::{Handler, Invocation, logs};
use cleanzone_storage::{Location, ObjectStore};
use cleanzone_vault::{Field, Resolution, Token, TokenVault};
use serde_json::{Value, json};
use tokio::time::timeout_at;

use crate::{
    access::{AllowList, Grants},
    audit::{Audit, Counts, Record},
    error::Error,
    request::{Action, Request},
    sts::Identity,
};

/// Resolves and forgets tokens for callers on the allow-list, and leaves a record of every call.
#[derive(Debug)]
pub(crate) struct DetokenizePii {
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) allow_list: Location,
    pub(crate) identity: Box<dyn Identity>,
    pub(crate) audit: Audit,
}

impl DetokenizePii {
    /// Whatever becomes of it, the call has left a record before it is answered.
    async fn call(&self, invocation: Invocation) -> Result<Value, Error> {
        let mut record = Record {
            request_id: invocation.request_id,
            caller: None,
            action: None,
            purpose: None,
            counts: Counts::default(),
        };
        let answer = self.act(invocation.payload, &mut record).await;
        let outcome = match &answer {
            Ok(_) => "answered",
            Err(Error::Proof(_) | Error::Unconfirmed { .. } | Error::Denied | Error::TooMany { .. }) => "denied",
            Err(_) => "failed",
        };
        self.audit.write(&record, outcome).await?;
        tracing::info!(caller = record.caller, purpose = record.purpose, action = ?record.action, outcome, "recorded");
        answer
    }

    async fn act(&self, event: Value, record: &mut Record) -> Result<Value, Error> {
        let request = Request::of(event)?;
        record.action = Some(request.action);
        record.purpose = Some(request.purpose.clone());
        record.counts.asked = request.count();
        let caller = self.identity.of(&request.proof).await?;
        record.caller = Some(caller.clone());
        let list = AllowList::read(&*self.store, &self.allow_list).await?;
        let grants = list.grants(&caller, &request.purpose, request.action, request.count())?;
        match (request.action, &request.scope, &request.kind) {
            (Action::Resolve, ..) => self.resolve(&request.tokens()?, &grants, record).await,
            (Action::Forget, Some(scope), Some(kind)) => {
                self.forget_values(&Field::new(scope, kind)?, &request.values, &grants, record).await
            }
            (Action::Forget, ..) => self.forget_tokens(&request.tokens()?, &grants, record).await,
            (Action::Rotate, ..) => {
                self.audit.write(record, "begun").await?;
                Ok(json!({"key": self.vault.rotate().await?}))
            }
        }
    }

    async fn resolve(&self, tokens: &[Token], grants: &Grants<'_>, record: &mut Record) -> Result<Value, Error> {
        let mut results = Vec::with_capacity(tokens.len());
        for resolved in self.vault.resolve(tokens).await? {
            let token = resolved.token.text().to_string();
            let status = judge(&resolved.resolution, grants, &mut record.counts);
            results.push(match resolved.resolution {
                Resolution::Value { scope, kind, value } if status == Status::Allowed => {
                    json!({"token": token, "status": "resolved", "scope": scope, "type": kind, "value": value.expose()})
                }
                _ => json!({"token": token, "status": status.name()}),
            });
        }
        Ok(json!({"results": results}))
    }

    /// An entry is resolved first, since only then its scope and type are known.
    async fn forget_tokens(&self, tokens: &[Token], grants: &Grants<'_>, record: &mut Record) -> Result<Value, Error> {
        let mut judged = Vec::with_capacity(tokens.len());
        for resolved in self.vault.resolve(tokens).await? {
            judged.push((resolved.token, judge(&resolved.resolution, grants, &mut record.counts)));
        }
        self.audit.write(record, "begun").await?;
        let mut results = Vec::with_capacity(judged.len());
        for (token, mut status) in judged {
            if status == Status::Allowed && !self.vault.forget_token(token).await? {
                status = Status::NotFound;
            }
            let status = if status == Status::Allowed { "forgotten" } else { status.name() };
            results.push(json!({"token": token.text().to_string(), "status": status}));
        }
        Ok(json!({"results": results}))
    }

    /// The answer is in the order of the values, which it does not repeat.
    async fn forget_values(
        &self,
        field: &Field,
        values: &[String],
        grants: &Grants<'_>,
        record: &mut Record,
    ) -> Result<Value, Error> {
        if !grants.cover(field.scope(), field.kind()) {
            record.counts.denied = values.len();
            return Err(Error::Denied);
        }
        self.audit.write(record, "begun").await?;
        let mut results = Vec::with_capacity(values.len());
        for value in values {
            let known = self.vault.forget_value(field, value).await?;
            record.counts.not_found += usize::from(!known);
            record.counts.allowed += usize::from(known);
            results.push(json!({"status": if known { "forgotten" } else { Status::NotFound.name() }}));
        }
        let forgotten = record.counts.allowed;
        record.counts.fields = BTreeMap::from([(format!("{}/{}", field.scope(), field.kind()), forgotten)]);
        Ok(json!({"results": results}))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Allowed,
    Denied,
    NotFound,
    Tampered,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Tampered => "tampered",
        }
    }
}

/// Whether what a token stands for may leave, and counts that.
fn judge(resolution: &Resolution, grants: &Grants<'_>, counts: &mut Counts) -> Status {
    match resolution {
        Resolution::Value { scope, kind, .. } if grants.cover(scope, kind) => {
            counts.allowed += 1;
            *counts.fields.entry(format!("{scope}/{kind}")).or_default() += 1;
            Status::Allowed
        }
        Resolution::Value { .. } => {
            counts.denied += 1;
            Status::Denied
        }
        Resolution::NotFound => {
            counts.not_found += 1;
            Status::NotFound
        }
        Resolution::Tampered => {
            counts.tampered += 1;
            Status::Tampered
        }
    }
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
