"""Ingress and CiliumIngress → the IR. `kopf run -m operators.ingress --dev` runs the controller of these kinds alone.

Importing this package registers nothing, except where Kopf's command line does it.
"""

import sys

if "kopf.cli" in sys.modules:  # pragma: no cover - tested as a process of its own
    import kopf

    from operators.main import develop

    develop(kopf.get_default_registry())
