// Writes small databases in the MaxMind DB format (https://maxmind.github.io/MaxMind-DB/), version 2.0.

const RECORD_BITS = 24;
const SEPARATOR = 16;

function control(type, size) {
  if (size > 284) throw new Error('too large for a small database');
  const first = size < 29 ? [size] : [29, size - 29];
  return type < 8 ? Buffer.from([(type << 5) | first[0], ...first.slice(1)]) : Buffer.from([first[0], type - 7, ...first.slice(1)]);
}

const integer = (type, value) => {
  let hex = value === 0 ? '' : value.toString(16);
  if (hex.length % 2) hex = `0${hex}`;
  const bytes = Buffer.from(hex, 'hex');
  return Buffer.concat([control(type, bytes.length), bytes]);
};
const uint16 = (value) => ({ encode: () => integer(5, value) });
const uint32 = (value) => ({ encode: () => integer(6, value) });
const uint64 = (value) => ({ encode: () => integer(9, value) });

function encode(value) {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([control(2, text.length), text]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  if (value.encode) return value.encode();
  const entries = Object.entries(value);
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([k, v]) => [encode(k), encode(v)])]);
}

// The 128 bits of an address, IPv4 in the last 32 as these databases have it.
function bitsOf(address) {
  const words = address.includes('.')
    ? [0, 0, 0, 0, 0, 0, ...address.split('.').map(Number).reduce((w, b, i) => ((w[i >> 1] = (w[i >> 1] << 8) | b), w), [0, 0])]
    : address.split('::').map((half) => half.split(':').filter(Boolean).map((w) => parseInt(w, 16)))
      .reduce((left, right) => [...left, ...Array(8 - left.length - right.length).fill(0), ...right]);
  return words.map((w) => w.toString(2).padStart(16, '0')).join('');
}

// `networks`: { '192.0.2.0/24': { city: { names: { en: 'Berlin' } }, … }, '2001:db8::/32': … }. Answers the file.
export function mmdb(networks) {
  const nodes = [[null, null]];
  const data = [];
  let dataSize = 0;
  for (const [network, value] of Object.entries(networks)) {
    const [address, length] = network.split('/');
    const bits = bitsOf(address).slice(0, Number(length) + (address.includes('.') ? 96 : 0));
    let node = 0;
    for (const bit of bits.slice(0, -1)) {
      if (nodes[node][bit] === null) nodes[node][bit] = { node: nodes.push([null, null]) - 1 };
      node = nodes[node][bit].node;
    }
    nodes[node][bits.at(-1)] = { data: dataSize };
    data.push(encode(value));
    dataSize += data.at(-1).length;
  }
  const record = (entry) => {
    if (entry === null) return nodes.length;
    return 'node' in entry ? entry.node : nodes.length + SEPARATOR + entry.data;
  };
  const tree = Buffer.alloc((nodes.length * RECORD_BITS * 2) / 8);
  nodes.flat().forEach((entry, i) => tree.writeUIntBE(record(entry), (i * RECORD_BITS) / 8, 3));
  const metadata = encode({
    binary_format_major_version: uint16(2),
    binary_format_minor_version: uint16(0),
    build_epoch: uint64(1_700_000_000),
    database_type: 'Test-City',
    description: { en: 'test' },
    ip_version: uint16(6),
    languages: ['en'],
    node_count: uint32(nodes.length),
    record_size: uint16(RECORD_BITS),
  });
  return Buffer.concat([tree, Buffer.alloc(SEPARATOR), ...data,
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]);
}
