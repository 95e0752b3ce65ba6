// Fetches a page over a connection made by Node's net.connect.
//
// connect.js ADDRESS PORT [SOURCE [SOURCE-PORT]]
const net = require("net");

const [host, port, localAddress, localPort] = process.argv.slice(2);
const socket = net.connect({
  host,
  port: Number(port),
  localAddress,
  localPort: localPort === undefined ? undefined : Number(localPort),
});
socket.on("connect", () => {
  console.log("local", socket.localAddress, socket.localPort);
  socket.end("GET / HTTP/1.0\r\n\r\n");
});
socket.on("data", (data) => process.stdout.write(data));
socket.on("error", (err) => {
  console.error("node:", err.code, err.syscall, err.message);
  process.exitCode = 1;
});
