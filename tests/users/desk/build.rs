//! Takes the program out of the README's section "Annotate your code".

use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../README.md");
    println!("cargo::rerun-if-changed={}", readme.display());
    let text = fs::read_to_string(readme)?;
    let section = text
        .split_once("\n## Annotate your code\n")
        .ok_or("the README has no section \"Annotate your code\"")?
        .1;
    let mut blocks = section
        .split_once("\n## ")
        .map_or(section, |(section, _)| section)
        .split("```");
    let mut block = |language: &str| {
        let block = blocks.find_map(|block| block.strip_prefix(language));
        block.ok_or_else(|| format!("the section has no block of {language}"))
    };
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("main.rs"), block("rust\n")?)?;
    fs::write(Path::new(&out).join("page.txt"), block("text\n")?)?;
    Ok(())
}
