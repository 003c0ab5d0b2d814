use super::*;

fn parse(text: &str) -> Result<Settings, ConfigError> {
    Settings::parse(Path::new("/etc/thunes.toml"), text)
}

fn refused(text: &str) -> String {
    crate::engine::chain(&parse(text).unwrap_err())
}

#[test]
fn defaults_are_the_documented_ones() {
    let lab = parse("[lab]\nroot = \"lab\"\n").unwrap().lab.unwrap();
    assert_eq!(lab.scripts, Path::new("/etc/lab/bin"));
    let seconds = [
        lab.interval,
        lab.start_timeout,
        lab.ping_timeout,
        lab.script_timeout,
        lab.bound,
    ];
    assert_eq!(seconds.map(|time| time.as_secs()), [30, 30, 5, 5, 25]);
    assert_eq!((lab.failures, lab.cold), (1, None));
    let names: Vec<_> = lab
        .worktrees
        .iter()
        .map(|worktree| worktree.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["main", "dev", "experimental", "cloudflare", "thunes"]
    );
}

#[test]
fn everything_can_be_set() {
    let settings = parse(
        "[lab]\nroot = \"/lab\"\nmcp_files = [\".mcp.json\"]\nbound = \"1m 30s\"\nping_timeout = \"500ms\"\n\
         [[lab.worktree]]\nname = \"dev\"\npath = \"w/dev\"\ngit = true\njunit = \"junit.xml\"\n\
         [[job]]\nname = \"signal_check\"\nevery = \"1m\"\ntimeout = \"20s\"\njitter = \"5s\"\n\
         [[job]]\nname = \"daily_summary\"\ncron = \"0 22 * * 1-5\"\n",
    )
    .unwrap();
    let lab = settings.lab.unwrap();
    assert_eq!(lab.mcp_files, [Path::new("/lab/.mcp.json")]);
    assert_eq!(
        (lab.bound.as_secs(), lab.ping_timeout.as_millis()),
        (90, 500)
    );
    assert_eq!(
        lab.worktrees[0].junit.as_deref(),
        Some(Path::new("/lab/w/dev/junit.xml"))
    );
    assert_eq!(
        settings.jobs[0].trigger,
        Some(Trigger::Every(Duration::from_mins(1)))
    );
    assert_eq!(settings.jobs[1].timeout, None);
}

#[test]
fn errors_name_the_line_and_the_nearest_name() {
    for (text, says) in [
        (
            "[lab]\n\nintervall = \"30s\"\n",
            "thunes.toml:3: unknown key \"intervall\" in [lab], did you mean \"interval\"?",
        ),
        (
            "[labb]\n",
            "thunes.toml:1: unknown key \"labb\" in the file, did you mean \"lab\"?",
        ),
        (
            "[lab]\nbound = 25\n",
            "thunes.toml:2: bound in [lab] must be a time such as",
        ),
        (
            "[lab]\nbound = \"0s\"\n",
            "thunes.toml:2: bound in [lab] must be a time such as",
        ),
        (
            "[lab]\nfailures = 0\n",
            "thunes.toml:2: failures in [lab] must be a number from 1",
        ),
        ("[lab]\nroot = \n", "thunes.toml:2: "),
        (
            "[lab]\nmcp_files = [\"\"]\n",
            "thunes.toml:2: mcp_files in [lab] must be a list of texts that are not empty",
        ),
        (
            "[lab]\nbound = \"999999999h\"\n",
            "thunes.toml:2: bound in [lab] must be a time such as",
        ),
        (
            "[[job]]\nname = \"signal_check\"\nevery = \"1ns\"\n",
            "thunes.toml:3: every in [[job]] must be a time such as",
        ),
        (
            "[[job]]\nevery = \"1m\"\nname = \"lab_metrics_update\"\n",
            "thunes.toml:3: the file needs a table [lab] for this job",
        ),
        (
            "[[lab.worktree]]\nname = \"a\"\n",
            "thunes.toml:1: [[lab.worktree]] needs path",
        ),
        (
            "[[job]]\nname = \"daily_sumary\"\n",
            "thunes.toml:2: unknown job \"daily_sumary\", did you mean \"daily_summary\"?",
        ),
        (
            "[[job]]\nname = \"signal_check\"\ndaily = \"25:00\"\n",
            "thunes.toml:3: job signal_check: \"25:00\" is not a time of day",
        ),
        (
            "[[job]]\nname = \"signal_check\"\nevery = \"1m\"\ncron = \"* * * * *\"\n",
            "thunes.toml:4: job signal_check has more than one",
        ),
        (
            "[[job]]\nname = \"signal_check\"\n[[job]]\nname = \"signal_check\"\n",
            "thunes.toml:4: \"signal_check\" is there twice",
        ),
    ] {
        let told = refused(text);
        assert!(told.contains(says), "{told}\nshould say\n{says}");
    }
}
