/** Files of the guest's root that make it a machine that is steered from outside. */

/** Name under which QEMU offers the folder that host and guest share. */
export const SHARED_TAG = "shared";

/** Where the guest has that folder. */
export const SHARED_FOLDER = "/run/shared";

/** Port on which the agent gets commands and answers. */
export const AGENT_PORT = "rnbd.agent";

/** Ports on which the writers say what they have synced. */
export const WRITER_PORTS = ["rnbd.writer0", "rnbd.writer1"] as const;

/** Folder of the guest with the packages that apt can install. */
export const PACKAGES_FOLDER = "/srv/packages";

/** The address of the host for guests, as QEMU's user networking has it. */
export const HOST_ADDRESS = "10.0.2.2";

/**
 * Runs the scripts that the host names, one after the other; their output goes to the shared
 * folder. It says hello when it is up, so the host notices each boot.
 */
const AGENT = `#!/bin/bash
modprobe -a 9pnet_virtio 9p
mkdir -p ${SHARED_FOLDER}
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=262144 ${SHARED_TAG} ${SHARED_FOLDER}
exec 3<> /dev/virtio-ports/${AGENT_PORT}
echo "up $(cat /proc/sys/kernel/random/boot_id) $(cut -d' ' -f1 /proc/uptime)" >&3
cd /root
while read -r -u 3 name; do
  job=${SHARED_FOLDER}/$name
  bash "$job.sh" > "$job.out" 2> "$job.err" < /dev/null 3<&-
  echo "done $name $?" >&3
done
`;

const AGENT_DEVICE = `dev-virtio\\x2dports-${AGENT_PORT}.device`;

const AGENT_UNIT = `[Unit]
Description=Runs scripts for the host
BindsTo=${AGENT_DEVICE}
After=${AGENT_DEVICE} multi-user.target

[Service]
ExecStart=/usr/local/sbin/agent
Environment=HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# What a script has started in the background is not this unit's.
KillMode=process

[Install]
WantedBy=${AGENT_DEVICE}
`;

/** Ready at once, without waiting for anybody to give it an address. */
const NETWORK = `[Match]
Driver=virtio_net

[Network]
Address=10.0.2.15/24
Gateway=${HOST_ADDRESS}
LinkLocalAddressing=no
`;

/** Drivers that no test needs and that take seconds to load in an emulated machine. */
const UNNEEDED_MODULES = [
  ...["cfg80211", "drm", "dm_mod", "efi_pstore", "loop", "floppy", "psmouse", "pcspkr"],
  ...["ata_generic", "ata_piix", "i2c_piix4", "qemu_fw_cfg", "serio_raw", "evdev", "button"],
];

/** A text file of the root. */
export interface RootFile {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
}

/** All of them. */
export const ROOT_FILES: readonly RootFile[] = [
  { path: "/usr/local/sbin/agent", text: AGENT, mode: 0o755 },
  { path: "/etc/systemd/system/agent.service", text: AGENT_UNIT },
  { path: "/etc/systemd/network/10-user.network", text: NETWORK },
  { path: "/etc/hostname", text: "guest\n" },
  { path: "/etc/hosts", text: "127.0.0.1 localhost guest\n" },
  // Without one, systemd takes a boot for the first one and makes one.
  { path: "/etc/machine-id", text: "5d1a2b3c4d5e6f708192a3b4c5d6e7f8\n" },
  { path: "/etc/apt/sources.list", text: `deb [trusted=yes] file:${PACKAGES_FOLDER} ./\n` },
  // Kept over reboots, so that the end of a boot can be read in the next one.
  { path: "/etc/systemd/journald.conf.d/kept.conf", text: "[Journal]\nStorage=persistent\n" },
  {
    path: "/etc/modprobe.d/unneeded.conf",
    text: UNNEEDED_MODULES.map((name) => `install ${name} /bin/false\n`).join(""),
  },
];

/** Units that start by themselves. */
export const ENABLED_UNITS = ["agent.service", "systemd-networkd.service"] as const;

/** What only takes time, or may begin in the middle of a measurement. */
export const MASKED_UNITS = [
  ...["getty@tty1.service", "serial-getty@ttyS0.service", "systemd-timesyncd.service"],
  ...["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"],
  ...["e2scrub_reap.service", "fstrim.timer", "systemd-tmpfiles-clean.timer"],
  ...["drm", "dm_mod", "efi_pstore", "fuse", "loop"].map((name) => `modprobe@${name}.service`),
  ...["sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount"],
  ...["dev-hugepages.mount", "dev-mqueue.mount", "systemd-network-generator.service"],
  ...["systemd-logind.service", "systemd-update-utmp.service", "systemd-pstore.service"],
] as const;
