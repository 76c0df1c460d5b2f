/** Captures TCP on loopback and lets tshark judge it. Needs root. */
import { run, sleep, waitFor } from "./process.ts";

/** What tshark makes of a capture. */
export interface Dissection {
  /** RDMAP messages by opcode, over all connections. */
  readonly opcodes: ReadonlyMap<number, number>;
  /** MPA requests and replies seen. */
  readonly mpaRequests: number;
  readonly mpaReplies: number;
  /** tshark's list of what is wrong: malformed frames and expert errors; empty when all is well. */
  readonly complaints: readonly string[];
}

/**
 * tshark's guesses at what runs over RDMA take some of our sends for theirs and then call them
 * malformed; they are no part of what is judged here.
 */
const GUESSES_OFF = [
  "--disable-heuristic",
  "rpcrdma_iwarp",
  "--disable-heuristic",
  "smb_direct_iwarp",
];

const CAPTURE_BUFFER_KIB = 65_536;

/**
 * Captures everything from and to a TCP port of this machine while `body` runs.
 * @param file where the capture goes
 * @throws when packets were lost, since the rest cannot be judged then
 */
export async function captureLoopback(
  tcpdump: string,
  port: number,
  file: string,
  body: () => Promise<void>,
): Promise<void> {
  const child = new Deno.Command(tcpdump, {
    args: ["-i", "lo", "-s", "0", "-U", "-B", String(CAPTURE_BUFFER_KIB), "-w", file].concat(
      // Else tcpdump gives up root before it opens the file in our directory.
      ["-Z", "root", "tcp", "port", String(port)],
    ),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let stderr = "";
  const drained = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) stderr += decoder.decode(bytes, { stream: true });
  })();
  try {
    await waitFor(() => stderr.includes("listening on"), 10_000, "tcpdump to listen");
    await body();
    // The last packets reach the file with the next poll of tcpdump.
    await sleep(1000);
  } finally {
    child.kill("SIGINT");
    await child.status;
    await drained;
  }
  if (!/^0 packets dropped by kernel$/m.test(stderr)) {
    throw new Error(`tcpdump lost packets:\n${stderr}`);
  }
}

/** Has tshark decode a capture down to RDMAP. */
export async function dissect(tshark: string, file: string): Promise<Dissection> {
  const read = ["-r", file, ...GUESSES_OFF];
  const options = { timeoutMs: 180_000 };
  const fields = ["iwarp_rdma.opcode", "iwarp_mpa.key.req", "iwarp_mpa.key.rep", "_ws.malformed"];
  const { stdout } = await run(
    tshark,
    [...read, "-Y", "iwarp_mpa || iwarp_ddp_rdmap || _ws.malformed", "-T", "fields"].concat(
      fields.flatMap((name) => ["-e", name]),
    ),
    options,
  );
  const opcodes = new Map<number, number>();
  const complaints: string[] = [];
  let mpaRequests = 0;
  let mpaReplies = 0;
  for (const line of stdout.split("\n").filter((text) => text !== "")) {
    const [codes, request, reply, malformed] = line.split("\t");
    for (const code of codes!.split(",").filter((text) => text !== "")) {
      opcodes.set(Number(code), (opcodes.get(Number(code)) ?? 0) + 1);
    }
    if (request) mpaRequests++;
    if (reply) mpaReplies++;
    if (malformed) complaints.push(`malformed: ${malformed}`);
  }
  const expert = await run(tshark, [...read, "-q", "-z", "expert,error"], options);
  complaints.push(...expert.stdout.split("\n").filter((text) => /^\s*\d+\s/.test(text)));
  return { opcodes, mpaRequests, mpaReplies, complaints };
}
