//! The `spanproof` command.

fn main() -> spanproof_cli::Exit {
    spanproof_cli::main()
}
