"""`./dev bench NAME`: run one benchmark; without a name, list them."""

import importlib
import importlib.util
import pkgutil
import runpy
import sys

import bench


def main() -> None:
    """Run `bench.NAME` as a program with the remaining arguments."""
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name[0] != "_")
    names = [name for name in names if name not in {"alternating"}]
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        for name in names:
            spec = importlib.util.find_spec(f"bench.{name}")
            loader = spec and spec.loader
            first = (
                (importlib.import_module(f"bench.{name}").__doc__ or "").splitlines()[:1] if loader else []
            )
            print(f"  {name:<14}{first[0] if first else ''}")
        sys.exit(0 if len(sys.argv) < 2 else 2)
    name = f"bench.{sys.argv[1]}"
    sys.argv = [f"./dev bench {sys.argv[1]}", *sys.argv[2:]]
    runpy.run_module(name, run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
