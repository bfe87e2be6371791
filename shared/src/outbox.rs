//! What waits to be sent: written with the decision that it tells of, taken out when it was taken in.

use crate::alert::{Alert, Topic};
use crate::bus::Bus;
use crate::event::steward::OwnEvent;
use crate::failure::CallFailure;

/// Sends what waits, in order: events first, as other functions wait for them, then alerts. What could not be sent stays.
/// People are told though the bus may be out of reach, and functions though the topic may be.
///
/// # Errors
/// The first call that failed.
pub async fn send(
    bus: &Bus,
    topic: &Topic,
    unsent: &mut Vec<OwnEvent>,
    untold: &mut Vec<Alert>,
) -> Result<(), CallFailure> {
    let put = put(bus, unsent).await;
    let told = tell(topic, untold).await;
    put.and(told)
}

async fn put(bus: &Bus, unsent: &mut Vec<OwnEvent>) -> Result<(), CallFailure> {
    while let Some(event) = unsent.first() {
        bus.put(event).await?;
        unsent.remove(0);
    }
    Ok(())
}

async fn tell(topic: &Topic, untold: &mut Vec<Alert>) -> Result<(), CallFailure> {
    while let Some(alert) = untold.first() {
        topic.publish(alert).await?;
        untold.remove(0);
    }
    Ok(())
}
