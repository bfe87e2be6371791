//! STS: who am I?

use crate::context::ACCOUNT_ID;
use crate::service::{Answer, Service, unknown_operation};
use crate::wire::{Call, Outcome, Reply};

/// The STS service.
#[derive(Clone, Copy, Debug)]
pub struct Sts;

impl Service for Sts {
    fn call<'a>(&'a mut self, call: &'a Call) -> Answer<'a> {
        Box::pin(std::future::ready(answer(call)))
    }
}

fn answer(call: &Call) -> Outcome {
    if call.operation != "GetCallerIdentity" {
        return unknown_operation(call);
    }
    Ok(Reply::Xml(format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT_ID}:user/lab</Arn><UserId>AIDACKCEVSQ6C2EXAMPLE</UserId>\
         <Account>{ACCOUNT_ID}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>lab</RequestId>\
         </ResponseMetadata></GetCallerIdentityResponse>"
    )))
}
