"""Runs roomd for irctest, the conformance suite of IRC servers: see `run`."""
from hashlib import sha256
import os
from typing import Optional, Set, Type

from irctest.basecontrollers import BaseServerController, DirectoryBasedController
from irctest.runner import NotImplementedByController
from irctest.specifications import OptionalBehaviors


class RoomdController(BaseServerController, DirectoryBasedController):
    software_name = "roomd"
    supported_sasl_mechanisms: Set[str] = set()
    supports_sts = True
    isupport = {"BOT": "B", "CASEMAPPING": "ascii", "CHANTYPES": "#", "EXTBAN": ",m", "PREFIX": "(qov)~@+"}
    optional_behaviors = frozenset(
        [
            OptionalBehaviors.ELIST_M,
            OptionalBehaviors.ELIST_N,
            OptionalBehaviors.ELIST_U,
            OptionalBehaviors.MULTI_JOIN,
            OptionalBehaviors.MULTI_KICK,
            OptionalBehaviors.MULTI_NAMES_COMMAND,
            OptionalBehaviors.MULTI_PRIVMSG,
        ]
    )

    def run(
        self,
        hostname: str,
        port: int,
        *,
        password: Optional[str],
        ssl: bool,
        run_services: bool,
        faketime: Optional[str],
        websocket_hostname: Optional[str] = None,
        websocket_port: Optional[int] = None,
    ) -> None:
        if password or run_services or websocket_hostname or websocket_port:
            raise NotImplementedByController("passwords of the server, services, IRC in a WebSocket")
        self.hostname, self.port = hostname, port
        self.create_config()
        command = [os.environ["ROOMD"], "serve", "--guests", "on", "--listen", "127.0.0.1:0", "--lines", "off"]
        command += ["--irc", f"{hostname}:{port}", "--irc-name", "My.Little.Server", "--name", "test server"]
        command += ["--irc-operator", "operuser:" + sha256(b"operpassword").hexdigest()]
        command += ["--rate-per-s", "0", "--data", str(self.directory / "roomd.db")]
        if ssl:
            self.gen_ssl()
            command += ["--tls-cert", str(self.pem_path), "--tls-key", str(self.key_path)]
        self.proc = self.execute(command)


def get_irctest_controller_class() -> Type[RoomdController]:
    return RoomdController
