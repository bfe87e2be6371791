//! Start-up only.

use heal::Heal;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::function::serve::<Heal>().await
}
