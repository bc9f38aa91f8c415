//! The `spanproof` command.

fn main() -> spanproof::cli::Exit {
    spanproof::cli::main()
}
