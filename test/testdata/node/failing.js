// Connects in a way of Node's to a port of the machine's own, and says what came of it, and what a program could see.
const net = require("net");
const http = require("http");
const { Worker, isMainThread, workerData } = require("worker_threads");

const how = isMainThread ? process.argv[2] : workerData;
const port = 2; // one that fetch allows

function seen() {
  return [
    Error.stackTraceLimit,
    typeof Error.prepareStackTrace,
    net.Socket.prototype.connect.length,
    net.Socket.prototype.connect.toString().length,
    Object.keys(new net.Socket()).length,
    Object.keys(require.cache).length,
    process.execArgv.length,
    module.children.length,
    new Error("here").stack,
  ].join("\n");
}

function failed(err) {
  console.log(err.code || err.cause.code, err.stack, process._getActiveHandles().length);
  console.log(seen());
  process.exitCode = 4;
}

const ways = {
  net() {
    net.connect({ host: "127.0.0.1", port }).on("error", failed); // net
  },
  name() {
    net.connect({ host: "localhost", port, family: 4 }).on("error", failed); // name
  },
  bind() {
    net.connect({ host: "127.0.0.1", port, localAddress: "203.0.113.1" }).on("error", failed); // bind
  },
  http() {
    http.get({ host: "127.0.0.1", port }).on("error", failed); // http
  },
  prepared() {
    Error.prepareStackTrace = (err, sites) => `${err}: ${sites.length}`;
    Error.stackTraceLimit = 3;
    net.connect({ host: "127.0.0.1", port }).on("error", failed); // prepared
  },
  thrown() {
    net.connect({ host: "127.0.0.1", port }); // thrown
  },
  fetch() {
    const said = (err) => console.log(err.cause.code);
    fetch(`http://127.0.0.1:${port}/`).catch(said); // fetch
  },
  worker() {
    new Worker(__filename, { workerData: "net" });
  },
  child() {
    const child = require("child_process").spawnSync(process.execPath, [__filename, "net"]);
    process.stdout.write(child.stdout);
  },
};

console.log("begins");
ways[how]();
