//! Start-up only.

use lambda_runtime::Error;
use snapshot::Snapshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::function::serve::<Snapshot>().await
}
