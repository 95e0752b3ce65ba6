// As failing.js, as a module.
import net from "node:net";

async function connect() {
  await null;
  net.connect({ host: "127.0.0.1", port: 9 }).on("error", (err) => { // module
    console.log(err.code, err.stack, new Error("here").stack);
    process.exitCode = 4;
  });
}

console.log("begins");
await connect();
