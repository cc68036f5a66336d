// Follows output as a browser's EventSource does: parses by the rules of the HTML standard (section 9.2.6), takes no field that is not there, and after a
// break asks again with the last id. Writes the bytes to standard output, and the job at the end to standard error.
// Usage: node events.js URL CERT KEY CA
import { readFileSync } from 'node:fs';
import https from 'node:https';

const [url, cert, key, ca] = process.argv.slice(2);
const tls = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca) };
let lastEventId = '';

function dispatch(type, data) {
  if (type === 'stdout' || type === 'stderr') {
    process.stdout.write(Buffer.from(data, 'base64'));
  } else if (type === 'end') {
    process.stderr.write(data + '\n');
    process.exitCode = 0;
    return true;
  }
  return false;
}

function connect() {
  const headers = { accept: 'text/event-stream' };
  if (lastEventId !== '') {
    headers['last-event-id'] = lastEventId;
  }
  const again = () => setTimeout(connect, 200);
  let ended = false;
  const request = https.get(url, { ...tls, headers }, (response) => {
    if (response.statusCode !== 200) {
      response.resume();
      response.on('end', () => (response.statusCode === 503 ? again() : process.exit(1)));
      return;
    }
    let rest = '';
    let type = '';
    let data = [];
    response.setEncoding('utf8');
    response.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) {
            ended = dispatch(type, data.join('\n')) || ended;
          }
          type = '';
          data = [];
          continue;
        }
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'event') type = value;
        else if (field === 'data') data.push(value);
        else if (field === 'id') lastEventId = value;
      }
    });
    response.on('close', () => ended || again());
    response.on('error', () => {});
  });
  request.on('error', again);
}

process.exitCode = 1;
connect();
