//! Writes the generated Rust and the descriptor set anew, from the `.proto` files:
//! `cargo run -p meta-rds --example regenerate`.

#[path = "../regenerate/generate.rs"]
mod generate;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (path, bytes) in generate::all()? {
        std::fs::write(generate::folder().join(path), bytes)?;
    }
    Ok(())
}
