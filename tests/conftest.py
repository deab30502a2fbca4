"""Options of the test suite."""


def pytest_addoption(parser):
    parser.addoption("--rewrite", action="store_true", help="write what cases compute now to their expected files")
