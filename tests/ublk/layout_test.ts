/** The numbers and offsets of src/ublk against linux/ublk_cmd.h, as far as this machine's has them. */
import assert from "node:assert/strict";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import * as commands from "../../src/ublk/commands.ts";
import { descriptorArea } from "../../src/ublk/descriptor_area.ts";
import { DESCRIPTOR_AREA_STRIDE_BYTES } from "../../src/ublk/limits.ts";
import { run } from "../support/process.ts";
import { requireCommand, requireFile, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

interface Entry {
  readonly value: number;
  readonly expression: string;
  /** Macro of the header without which the expression cannot be had: it is newer than Linux 6.1. */
  readonly needs?: string;
}

type Table = Readonly<Record<string, number>>;

function fields(struct: string, table: Table, names: Record<string, string>, unit = 1): Entry[] {
  return Object.entries(table).map(([key, value]) => {
    const text = names[key];
    assert.ok(text !== undefined, `${struct}: ${key} has no field in this test`);
    const [field, needs] = text.split("?");
    const expression = field!.startsWith("(")
      ? field!
      : field === "sizeof"
      ? `sizeof(struct ${struct}) / ${unit}`
      : `offsetof(struct ${struct}, ${field}) / ${unit}`;
    return { value, expression, ...(needs === undefined ? {} : { needs }) };
  });
}

const macros = (table: Table, prefix: string, newer: readonly string[] = []): Entry[] =>
  Object.entries(table).map(([key, value]) => ({
    value,
    expression: prefix + key,
    ...(newer.includes(key) ? { needs: prefix + key } : {}),
  }));

/** Commands that came after Linux 6.1, with their numbers. */
const NEWER_CONTROL: Readonly<Record<string, number>> = { GET_FEATURES: 0x13, UPDATE_SIZE: 0x15 };

function controlOperations(): Entry[] {
  return Object.entries(commands.CONTROL).map(([key, value]) => {
    const direction = key.startsWith("GET_") ? "_IOR" : "_IOWR";
    const number = NEWER_CONTROL[key] ?? `UBLK_CMD_${key}`;
    const expression = `(int)${direction}('u', ${number}, struct ublksrv_ctrl_cmd)`;
    return { value, expression };
  });
}

const HIGH_ADDRESS = (struct: string) => `(offsetof(struct ${struct}, addr) / 4 + 1)`;

const ENTRIES: readonly Entry[] = [
  ...controlOperations(),
  ...Object.entries(commands.IO_OPERATION).map(([key, value]) => ({
    value,
    expression: `(int)_IOWR('u', UBLK_IO_${key}, struct ublksrv_io_cmd)`,
  })),
  ...fields("ublksrv_ctrl_cmd", commands.CONTROL_COMMAND, {
    DEV_ID: "dev_id",
    QUEUE_ID_AND_LEN: "queue_id",
    ADDRESS_LOW: "addr",
    ADDRESS_HIGH: HIGH_ADDRESS("ublksrv_ctrl_cmd"),
    DATA_LOW: "data",
    DATA_HIGH: "(offsetof(struct ublksrv_ctrl_cmd, data) / 4 + 1)",
    WORDS: "sizeof",
  }, 4),
  ...fields("ublksrv_io_cmd", commands.IO_COMMAND, {
    QUEUE_AND_TAG: "q_id",
    RESULT: "result",
    ADDRESS_LOW: "addr",
    ADDRESS_HIGH: HIGH_ADDRESS("ublksrv_io_cmd"),
    WORDS: "sizeof",
  }, 4),
  ...fields("ublksrv_io_desc", commands.DESCRIPTOR, {
    OPERATION_FLAGS: "op_flags",
    SECTORS: "nr_sectors",
    START_LOW: "start_sector",
    START_HIGH: "(offsetof(struct ublksrv_io_desc, start_sector) / 4 + 1)",
    WORDS: "sizeof",
  }, 4),
  ...fields("ublksrv_ctrl_dev_info", commands.DEVICE_INFO, {
    QUEUES: "nr_hw_queues",
    QUEUE_DEPTH: "queue_depth",
    STATE: "state",
    MAX_IO_BYTES: "max_io_buf_bytes",
    DEV_ID: "dev_id",
    SERVER_PID: "ublksrv_pid",
    FLAGS: "flags",
    SERVER_FLAGS: "ublksrv_flags",
    BYTES: "sizeof",
  }),
  ...fields("ublk_params", commands.PARAMETERS, {
    LEN: "len",
    TYPES: "types",
    ATTRIBUTES: "basic.attrs",
    LOGICAL_SHIFT: "basic.logical_bs_shift",
    PHYSICAL_SHIFT: "basic.physical_bs_shift",
    IO_OPT_SHIFT: "basic.io_opt_shift",
    IO_MIN_SHIFT: "basic.io_min_shift",
    MAX_SECTORS: "basic.max_sectors",
    CHUNK_SECTORS: "basic.chunk_sectors",
    DEV_SECTORS: "basic.dev_sectors",
    VIRT_BOUNDARY_MASK: "basic.virt_boundary_mask",
    DISCARD_ALIGNMENT: "discard.discard_alignment",
    DISCARD_GRANULARITY: "discard.discard_granularity",
    MAX_DISCARD_SECTORS: "discard.max_discard_sectors",
    MAX_WRITE_ZEROES_SECTORS: "discard.max_write_zeroes_sectors",
    MAX_DISCARD_SEGMENTS: "discard.max_discard_segments",
    DISK_MAJOR: "devt.disk_major?UBLK_PARAM_TYPE_DEVT",
    DISK_MINOR: "devt.disk_minor?UBLK_PARAM_TYPE_DEVT",
    // Later headers add to the end; the driver takes what it knows.
    BYTES: "(offsetof(struct ublk_params, zoned) + 36)?UBLK_PARAM_TYPE_ZONED",
  }),
  ...macros(commands.PARAMETER_TYPE, "UBLK_PARAM_TYPE_", ["DEVT"]),
  ...macros(commands.ATTRIBUTE, "UBLK_ATTR_"),
  ...macros(commands.FEATURE, "UBLK_F_", ["CMD_IOCTL_ENCODE", "UPDATE_SIZE"]),
  ...macros(commands.DEVICE_STATE, "UBLK_S_DEV_"),
  ...macros(commands.REQUEST, "UBLK_IO_OP_"),
  { value: commands.REQUEST_FLAG.FUA, expression: "UBLK_IO_F_FUA" },
  { value: commands.REQUEST_FLAG.NO_UNMAP, expression: "UBLK_IO_F_NOUNMAP" },
  {
    value: DESCRIPTOR_AREA_STRIDE_BYTES,
    expression: "UBLK_MAX_QUEUE_DEPTH * sizeof(struct ublksrv_io_desc)",
  },
  {
    value: commands.FEATURES_BYTES,
    expression: "UBLK_FEATURES_LEN",
    needs: "UBLK_FEATURES_LEN",
  },
];

async function findDifferences(gcc: string, entries: readonly Entry[]): Promise<string[]> {
  const prints = entries.map(({ expression, needs }, index) => {
    const print = `printf("${index} %lld\\n", (long long)(${expression}));`;
    return needs === undefined ? `  ${print}` : `#ifdef ${needs}\n  ${print}\n#endif`;
  });
  const source = [
    "#include <stddef.h>",
    "#include <stdio.h>",
    "#include <linux/ioctl.h>",
    "#include <linux/ublk_cmd.h>",
    "int main(void) {",
    ...prints,
    "}",
    "",
  ].join("\n");
  await using directory = await temporaryDirectory();
  const program = `${directory.path}/layouts`;
  await Deno.writeTextFile(`${program}.c`, source);
  await run(gcc, ["-o", program, `${program}.c`]);
  const lines = (await run(program, [])).stdout.trim().split("\n");
  assert.ok(lines.length > entries.length / 2);
  return lines.flatMap((line) => {
    const [index, actual] = line.split(" ").map(Number);
    const { value, expression } = entries[index!]!;
    return actual === value ? [] : [`${expression} is ${actual}, not ${value}`];
  });
}

skippable(
  "ublk numbers and offsets are those of the C header; a wrong one is noticed",
  async () => {
    const gcc = requireCommand("gcc", "gcc libc6-dev linux-libc-dev");
    requireFile(
      "/usr/include/linux/ublk_cmd.h",
      "apt-get install linux-libc-dev, Linux 6.0 or newer",
    );
    assert.deepEqual(await findDifferences(gcc, ENTRIES), []);
    const wrong = { value: 25, expression: "sizeof(struct ublksrv_io_desc)" };
    assert.equal((await findDifferences(gcc, [...ENTRIES, wrong])).length, 1);
  },
);

Deno.test("ublk operations have the numbers of the block seam", () => {
  for (const name of ["READ", "WRITE", "FLUSH", "DISCARD", "WRITE_ZEROES"] as const) {
    assert.equal(commands.REQUEST[name], BLOCK_OP[name]);
  }
});

Deno.test("descriptor areas: whole pages, at a stride that does not depend on the depth", () => {
  assert.deepEqual(descriptorArea(0, 1), { offset: 0, length: 4096 });
  assert.deepEqual(descriptorArea(3, 170), { offset: 3 * 98_304, length: 4096 });
  assert.deepEqual(descriptorArea(1, 171), { offset: 98_304, length: 8192 });
});
