// The unmodified AWS SDK for JavaScript, driven by lines: a request in, what the SDK made of it out, both JSON.
//
// Usage: node s3_control_client.mjs BASE_URL REGION
// In:  {"send": "DescribeJob", "input": {...}}       one command
//      {"send": ..., "input": {...}, "times": 100}   the same command many times at once; answers a list
//      {"paginate": "ListJobs", "input": {...}, "page_size": 10}   all pages, by the SDK's own paginator
// Out: {"output": ...} or {"error": {...}}. Dates are written {"date": "2026-01-01T00:00:00.000Z"}.

import { Agent } from "node:http";
import { createInterface } from "node:readline";
import * as sdk from "@aws-sdk/client-s3-control";

const [baseUrl, region] = process.argv.slice(2);

// S3 Control puts the account id before the host, and no resolver need know 123456789012.localhost.
const toThisMachine = new Agent({
  keepAlive: true,
  lookup: (_host, { all }, found) =>
    all ? found(null, [{ address: "127.0.0.1", family: 4 }]) : found(null, "127.0.0.1", 4),
});

const client = new sdk.S3ControlClient({
  region,
  endpoint: `http://localhost:${new URL(baseUrl).port}`,
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  requestHandler: { httpAgent: toThisMachine },
  maxAttempts: 2,
});

async function answered({ send, paginate, input, times, page_size: pageSize }) {
  if (paginate) {
    const pages = [];
    for await (const page of sdk[`paginate${paginate}`]({ client, pageSize }, input)) pages.push(page);
    return pages;
  }
  const once = async () => {
    const { $metadata, ...output } = await client.send(new sdk[`${send}Command`](input));
    return output;
  };
  return times === undefined ? once() : Promise.all(Array.from({ length: times }, once));
}

function told(error) {
  return {
    name: error.name,
    message: error.message,
    status: error.$metadata?.httpStatusCode,
    attempts: error.$metadata?.attempts,
    fault: error.$fault,
    request_id: error.$metadata?.requestId,
    is_service_exception: error instanceof sdk.S3ControlServiceException,
    is_typed: error.name in sdk && error instanceof sdk[error.name],
  };
}

function withDates(key, value) {
  return this[key] instanceof Date ? { date: value } : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { output: await answered(JSON.parse(line)) };
  } catch (error) {
    answer = { error: told(error) };
  }
  process.stdout.write(`${JSON.stringify(answer, withDates)}\n`);
}
