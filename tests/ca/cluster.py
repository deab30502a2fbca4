"""The API server as far as the CA needs it: objects in a dictionary, with the answers 404 and 409."""

from operators.kube import KubeError


class Cluster:
    def __init__(self) -> None:
        self.objects: dict[str, dict] = {}
        self.writes: list[str] = []
        self.hidden: set[str] = set()  # what another replica creates between our look and our try

    async def get(self, url, query=None, accept=""):
        if url in self.hidden:
            self.hidden.remove(url)
            raise KubeError(404, "NotFound", url)
        if url not in self.objects:
            raise KubeError(404, "NotFound", url)
        return self.objects[url]

    async def create(self, url, body):
        where = f"{url}/{body['metadata']['name']}"
        if where in self.objects:
            raise KubeError(409, "AlreadyExists", where)
        self.writes.append(where)
        self.objects[where] = body
        return body

    async def patch(self, url, body):
        self.writes.append(url)
        self.objects[url] = self.objects[url] | body
        return self.objects[url]
