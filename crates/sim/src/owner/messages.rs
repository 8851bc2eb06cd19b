//! What the machines say to one another, as records of the log.
//!
//! In: a message. Out: its topic, key and bytes, by which its addressee's partition reads it. Start at [`addressed`].

use bytes::Bytes;
use events::{Credit, Decision, Identity};
use pipeline::partition::Message;

use crate::log::Topic;

/// A record on its way to the log: topic, key and bytes.
pub(crate) type Addressed = (Topic, Vec<u8>, Bytes);

/// Where in the log a message goes; a decision is for whoever wants to follow, and comes back.
pub(crate) fn addressed(message: Message) -> Result<Addressed, (Box<Decision>, Vec<Credit>)> {
    let mut bytes = Vec::new();
    let (topic, key) = match message {
        Message::Lookup(it) => {
            let key = it.identity.log_key();
            it.encode(&mut bytes).expect("a question fits its limit");
            (Topic::Lookups, key)
        }
        Message::Bound(it) => {
            let key = Identity::Customer(it.customer).log_key();
            it.encode(&mut bytes).expect("it is short");
            (Topic::Lookups, key)
        }
        Message::Evidence(it) => {
            let key = it.order.log_key();
            it.encode(&mut bytes).expect("a capped answer fits its limit");
            (Topic::Evidence, key)
        }
        Message::Decided(decision, credits) => return Err((decision, credits)),
    };
    Ok((topic, key, bytes.into()))
}
