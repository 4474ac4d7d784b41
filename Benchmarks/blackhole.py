"""A TCP proxy on loopback that can forget how to forward."""
import socket
import threading


class Proxy:
    def __init__(self, to):
        self.to = to
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.forwards = threading.Event()
        self.forwards.set()
        self.refuses = self.is_closed = False
        self.connections = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop_forwarding(self, refuse=False):
        self.forwards.clear()
        self.refuses = refuse
        if refuse:
            self._drop_all()

    def forward(self):
        self.refuses = False
        self.forwards.set()

    def close(self):
        self.is_closed = True
        self.listener.close()
        self.forwards.set()
        self._drop_all()

    def _drop_all(self):
        for connection in list(self.connections):
            self._drop(connection)

    def _drop(self, connection):
        self.connections.discard(connection)
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()

    def _accept(self):
        while not self.is_closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self.connections.add(client)
        self.forwards.wait()
        try:
            server = socket.create_connection(self.to)
        except OSError:
            return self._drop(client)
        self.connections.add(server)
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        try:
            while data := one.recv(1 << 16):
                self.forwards.wait()
                other.sendall(data)
            # What one side has said to its end the other may still answer.
            other.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(one)
            self._drop(other)
