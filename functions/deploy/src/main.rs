//! Start-up only.

use deploy::Deploy;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::function::serve::<Deploy>().await
}
