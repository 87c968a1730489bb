"""The Docker API's structures that an operator writes: their keys, and what kind of value each takes.

After `ContainerConfig`, `HostConfig` and `NetworkingConfig` of the Engine API 1.41 to 1.48
(https://docs.docker.com/reference/api/engine/version/v1.47/#operation/ContainerCreate).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Leaf(Enum):
    """A value without keys of its own; the text completes "expected …"."""

    TEXT = "text"
    INTEGER = "a whole number"
    BOOLEAN = "true or false"
    COMMAND = "a list of text, or text"
    EMPTY = "an empty mapping, {}"


@dataclass(frozen=True, slots=True)
class Structure:
    """A mapping with keys that the API knows, in any letter case."""

    name: str
    keys: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: Kind


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with the operator's own keys, whose letter case counts."""

    value: Kind


Kind = Leaf | Structure | ListOf | MapOf

TEXTS = ListOf(Leaf.TEXT)
TEXT_MAP = MapOf(Leaf.TEXT)


def _keys(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


HEALTHCHECK = Structure(
    "HealthConfig",
    {"Test": TEXTS, **_keys(Leaf.INTEGER, "Interval Timeout Retries StartPeriod StartInterval")},
)

CONTAINER = Structure(
    "ContainerConfig",
    {
        **_keys(Leaf.TEXT, "Hostname Domainname User Image WorkingDir MacAddress StopSignal"),
        **_keys(Leaf.BOOLEAN, "AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce"),
        **_keys(Leaf.BOOLEAN, "ArgsEscaped NetworkDisabled"),
        **_keys(Leaf.COMMAND, "Cmd Entrypoint"),
        **_keys(TEXTS, "Env OnBuild Shell"),
        **_keys(MapOf(Leaf.EMPTY), "ExposedPorts Volumes"),
        "Healthcheck": HEALTHCHECK,
        "Labels": TEXT_MAP,
        "StopTimeout": Leaf.INTEGER,
    },
)

_THROTTLE = ListOf(Structure("ThrottleDevice", {"Path": Leaf.TEXT, "Rate": Leaf.INTEGER}))

RESOURCES: dict[str, Kind] = {
    **_keys(Leaf.INTEGER, "CpuShares Memory BlkioWeight CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime"),
    **_keys(Leaf.INTEGER, "KernelMemory KernelMemoryTCP MemoryReservation MemorySwap MemorySwappiness NanoCpus"),
    **_keys(Leaf.INTEGER, "PidsLimit CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth"),
    **_keys(Leaf.TEXT, "CgroupParent CpusetCpus CpusetMems"),
    **_keys(Leaf.BOOLEAN, "OomKillDisable Init"),
    **_keys(_THROTTLE, "BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps"),
    "BlkioWeightDevice": ListOf(Structure("WeightDevice", {"Path": Leaf.TEXT, "Weight": Leaf.INTEGER})),
    "Devices": ListOf(Structure("DeviceMapping", _keys(Leaf.TEXT, "PathOnHost PathInContainer CgroupPermissions"))),
    "DeviceCgroupRules": TEXTS,
    "DeviceRequests": ListOf(
        Structure(
            "DeviceRequest",
            {
                "Driver": Leaf.TEXT,
                "Count": Leaf.INTEGER,
                "DeviceIDs": TEXTS,
                "Capabilities": ListOf(TEXTS),
                "Options": TEXT_MAP,
            },
        )
    ),
    "Ulimits": ListOf(Structure("Ulimit", {"Name": Leaf.TEXT, "Soft": Leaf.INTEGER, "Hard": Leaf.INTEGER})),
}

MOUNT = Structure(
    "Mount",
    {
        **_keys(Leaf.TEXT, "Target Source Type Consistency"),
        "ReadOnly": Leaf.BOOLEAN,
        "BindOptions": Structure(
            "BindOptions",
            {
                "Propagation": Leaf.TEXT,
                **_keys(Leaf.BOOLEAN, "NonRecursive CreateMountpoint ReadOnlyNonRecursive ReadOnlyForceRecursive"),
            },
        ),
        "VolumeOptions": Structure(
            "VolumeOptions",
            {
                "NoCopy": Leaf.BOOLEAN,
                "Labels": TEXT_MAP,
                "DriverConfig": Structure("Driver", {"Name": Leaf.TEXT, "Options": TEXT_MAP}),
                "Subpath": Leaf.TEXT,
            },
        ),
        "TmpfsOptions": Structure(
            "TmpfsOptions",
            {**_keys(Leaf.INTEGER, "SizeBytes Mode"), "Options": ListOf(TEXTS)},
        ),
        "ImageOptions": Structure("ImageOptions", {"Subpath": Leaf.TEXT}),
    },
)

HOST = Structure(
    "HostConfig",
    {
        **RESOURCES,
        **_keys(TEXTS, "Binds VolumesFrom CapAdd CapDrop Dns DnsOptions DnsSearch ExtraHosts GroupAdd Links"),
        **_keys(TEXTS, "SecurityOpt MaskedPaths ReadonlyPaths"),
        **_keys(Leaf.TEXT, "ContainerIDFile NetworkMode VolumeDriver CgroupnsMode IpcMode Cgroup PidMode UTSMode"),
        **_keys(Leaf.TEXT, "UsernsMode Runtime Isolation"),
        **_keys(Leaf.BOOLEAN, "AutoRemove Privileged PublishAllPorts ReadonlyRootfs"),
        **_keys(Leaf.INTEGER, "OomScoreAdj ShmSize"),
        **_keys(TEXT_MAP, "Annotations StorageOpt Tmpfs Sysctls"),
        "ConsoleSize": ListOf(Leaf.INTEGER),
        "LogConfig": Structure("LogConfig", {"Type": Leaf.TEXT, "Config": TEXT_MAP}),
        "Mounts": ListOf(MOUNT),
        "PortBindings": MapOf(ListOf(Structure("PortBinding", _keys(Leaf.TEXT, "HostIp HostPort")))),
        "RestartPolicy": Structure("RestartPolicy", {"Name": Leaf.TEXT, "MaximumRetryCount": Leaf.INTEGER}),
    },
)

ENDPOINT = Structure(
    "EndpointSettings",
    {
        **_keys(Leaf.TEXT, "MacAddress NetworkID EndpointID Gateway IPAddress IPv6Gateway GlobalIPv6Address"),
        **_keys(Leaf.INTEGER, "GwPriority IPPrefixLen GlobalIPv6PrefixLen"),
        **_keys(TEXTS, "Links Aliases DNSNames"),
        "DriverOpts": TEXT_MAP,
        "IPAMConfig": Structure(
            "EndpointIPAMConfig", {**_keys(Leaf.TEXT, "IPv4Address IPv6Address"), "LinkLocalIPs": TEXTS}
        ),
    },
)

NETWORK = Structure("NetworkingConfig", {"EndpointsConfig": MapOf(ENDPOINT)})
