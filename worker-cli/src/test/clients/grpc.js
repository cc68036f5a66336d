// A client that knows nothing of jobworker but the published proto: starts a job, follows it, stops one, and reads the reason of an error.
// Usage: node grpc.js PROTO HOST:PORT CERT KEY CA
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const [proto, address, cert, key, ca] = process.argv.slice(2);
const { jobworker } = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true, defaults: true, longs: Number, enums: String, oneofs: true }));
const credentials = grpc.credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert));
const client = new jobworker.v1.JobService(address, credentials);

// google/rpc/status.proto and error_details.proto, as far as they are needed.
const rpc = protobuf.parse(`syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }`).root;

const call = (method, request) => new Promise((resolve, reject) =>
  client[method](request, (error, response) => (error ? reject(error) : resolve(response))));

const info = (error) => {
  const [packed] = error.metadata.get('grpc-status-details-bin');
  const status = rpc.lookupType('Status').decode(packed);
  return rpc.lookupType('ErrorInfo').decode(status.details[0].value);
};

const { job } = await call('startJob', { spec: { argv: ['sh', '-c', 'echo out; echo err >&2; exit 3'] } });
assert.equal(job.spec.argv[0], 'sh');

const bytes = { STD_STREAM_STDOUT: '', STD_STREAM_STDERR: '' };
let end;
let next = 0;
for await (const event of client.streamOutput({ job_id: job.job_id, follow: true })) {
  if (event.chunk) {
    assert.equal(event.chunk.offset, next);
    next += event.chunk.data.length;
    bytes[event.chunk.stream] += event.chunk.data.toString();
  }
  end = event.end ?? end;
}
assert.deepEqual(bytes, { STD_STREAM_STDOUT: 'out\n', STD_STREAM_STDERR: 'err\n' });
assert.equal(end.reason, 'OUTPUT_END_REASON_COMPLETE');
assert.equal(end.next_offset, 8);
assert.equal(end.job.exit.code, 3);

const sleeper = (await call('startJob', { spec: { argv: ['sleep', '1000'] } })).job;
await call('stopJob', { job_id: sleeper.job_id, grace_period: { seconds: 5 } });
const stopped = (await call('getJob', { job_id: sleeper.job_id, wait_terminal: { seconds: 30 } })).job;
assert.equal(stopped.state, 'JOB_STATE_STOPPED');
assert.equal(stopped.exit.signal.name, 'SIGTERM');

const refused = await call('startJob', { spec: { argv: ['/no/such/program'] } }).catch((error) => error);
assert.equal(refused.code, grpc.status.FAILED_PRECONDITION);
assert.equal(info(refused).reason, 'EXEC_FAILED');
assert.equal(info(refused).domain, 'jobworker.dev');
assert.equal(info(refused).metadata.stage, 'EXEC');
client.close();
console.log('grpc-js: started, followed, stopped, and was told EXEC_FAILED');
