"""Small images for tests, made without a registry."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

from docker import DockerClient

BUSYBOX = "/busybox"
FEDORA_LIKE = """\
RUN mkdir -p /usr/libexec/openssh && mv /usr/lib/openssh/sftp-server /usr/libexec/openssh/ && ln -sf bash /usr/bin/sh
"""
"""For the Debian guest: the sftp-server where Fedora has it, and bash for `/bin/sh`, which is `/usr/bin/sh` in both."""

ENTRYPOINT = """\
ENTRYPOINT ["/bin/sh", "-c", "export ENTERED=yes; exec \\"$@\\"", "entrypoint"]
CMD ["/bin/sh"]
"""
"""What an image's own entry script does: something of its own, then what it is given."""


@contextmanager
def built_image(client: DockerClient, base: str, instructions: str) -> Iterator[str]:
    """An image made from `base`, which is on the engine, by the instructions of a Dockerfile."""
    name = f"sshore-tests/built-{secrets.token_hex(4)}:latest"
    dockerfile = io.BytesIO(f"FROM {base}\n{instructions}".encode())
    client.images.build(fileobj=dockerfile, tag=name, rm=True, forcerm=True, network_mode="none")
    try:
        yield name
    finally:
        client.images.remove(name, force=True)


@contextmanager
def shell_less_image(client: DockerClient, mini_image: str) -> Iterator[str]:
    """An image with nothing but a static busybox under a name that is no shell's; its CMD says hello."""
    repository = f"sshore-tests/no-shell-{secrets.token_hex(4)}"
    root = io.BytesIO()
    with tarfile.open(fileobj=root, mode="w") as archive:
        program = _file_of(client, mini_image, "/bin/busybox")
        entry = tarfile.TarInfo(BUSYBOX.lstrip("/"))
        entry.mode, entry.size = 0o755, len(program)
        archive.addfile(entry, io.BytesIO(program))
    changes = [f'CMD ["{BUSYBOX}", "echo", "hello"]']
    client.api.import_image_from_data(root.getvalue(), repository=repository, tag="latest", changes=changes)
    try:
        yield f"{repository}:latest"
    finally:
        client.images.remove(f"{repository}:latest", force=True)


def _file_of(client: DockerClient, image: str, path: str) -> bytes:
    container = client.containers.create(image)
    try:
        chunks, _ = container.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            content = archive.extractfile(archive.getmembers()[0])
            assert content is not None
            return content.read()
    finally:
        container.remove()
