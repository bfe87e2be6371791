//! How the binary is linked: docs/adr/0009-cold-start.md says why.
#![expect(clippy::disallowed_methods, reason = "it is how cargo tells a build script")]

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
