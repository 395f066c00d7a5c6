//! The simulated API by itself, to try `dlq` or a client against: `cargo run --example sandbox`.
//!
//! Prints its base URL and the token that it accepts, then serves until Enter is pressed (or stdin ends).

use dlq::sandbox::{Sandbox, Settings};

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let settings = Settings::default();
    println!("export EXPERITURE_API_KEY={}", settings.token);
    let sandbox = runtime.block_on(Sandbox::start(settings))?;
    println!("export EXPERITURE_BASE_URL={}", sandbox.base_url());
    std::io::stdin().read_line(&mut String::new())?;
    println!(
        "{} requests seen, {} writes applied",
        sandbox.world().ledger.seen.len(),
        sandbox.world().ledger.applied.len()
    );
    Ok(())
}
