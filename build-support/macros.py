"""What a BUILD file means here: `package` for a distribution, `service` for a worker."""
# ruff: noqa: F821 - Pants gives these names to BUILD files and macros; there is nothing to import.


def package(name, may_import, needs=(), reads=()):
    """Declare the distribution of this directory: its code, tests, and whom of ours its code may import.

    name: the import package.
    may_import: globs of targets outside this directory that the code may depend on.
    needs: locked requirements that are used without an import, by name.
    reads: targets of files that the code finds by their place in the repository.
    """
    python_sources(
        name="code",
        sources=[f"{name}/**/*.py"],
        dependencies=[":resources", *reads, *[f"//3rdparty#{requirement}" for requirement in needs]],
    )
    resources(name="resources", sources=[f"{name}/**/*", f"!{name}/**/*.py"])
    # What an image is built from: everything but tests.
    files(name="distribution", sources=["pyproject.toml", "README.md", f"{name}/**/*"])
    files(name="papers", sources=["**/*", "!**/*.py", "!BUILD", f"!{name}/**"])
    # Tests start modules that they don't import, hence all code; fixtures make files findable, hence papers.
    around_tests = [":code", ":papers"]
    python_test_utils(
        name="test_support", sources=["tests/**/*.py", "!tests/**/test_*.py"], dependencies=around_tests
    )
    python_tests(
        name="unit", sources=["tests/unit/**/test_*.py"], dependencies=[":test_support", *around_tests]
    )
    # These start installed programs, with an environment of their own; in a sandbox nothing is installed.
    python_tests(
        name="tests",
        sources=["tests/**/test_*.py", "!tests/unit/**"],
        dependencies=[":test_support", *around_tests],
        skip_tests=True,
    )
    __dependencies_rules__(
        (f"/{name}/**", "!/tests/**", "/**", *may_import, "!*"),
        ("*", "*"),
    )


def service(name):
    """Declare the worker ``name``: a package that nobody else imports, and its executable, ``:bin``."""
    package(
        f"huntaze_{name}",
        may_import=[
            "//contracts/**",
            "!//libs/common/huntaze_common/testing/**",
            "//libs/common/**",
            "//3rdparty#*",
        ],
    )
    # A virtual environment, because workers start modules of their own with sys.executable.
    pex_binary(
        name="bin",
        entry_point=f"huntaze_{name}.__main__",
        dependencies=[":code"],
        execution_mode="venv",
    )
    __dependents_rules__(("*", "/**", "//tests/**", "//deploy/images/**", "!*"))
