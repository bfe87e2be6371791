//! Start-up only.

use lambda_runtime::Error;
use migrate::Migrate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::function::serve::<Migrate>().await
}
