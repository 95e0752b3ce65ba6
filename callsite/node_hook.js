// Sallyport's hook for Node (run --where node), preloaded by NODE_OPTIONS=--require. V8's frames can't be read from outside,
// and connect(2) comes after the function that asked for it has returned: so the stack is taken where a socket gets its
// handle, and lies in a file beside this one while the handle binds or connects, named by the thread. Sallyport reads it
// while the system call waits. Only methods of handles are replaced, which programs don't see; whatever fails, the program
// goes on as without this.
"use strict";
try {
  install();
} catch {}

function install() {
  delete require.cache[__filename];
  // With these process.binding warns on stderr.
  const options = [process.env.NODE_OPTIONS || "", ...process.execArgv].join(" ");
  if (process.env.NODE_PENDING_DEPRECATION === "1" || /--pending-deprecation|--permission|--experimental-permission/.test(options)) return;

  const { readlinkSync, writeFileSync, unlinkSync } = require("fs");
  const { stringify } = JSON;
  const { apply, getOwnPropertyDescriptor: descriptor, defineProperty: define, deleteProperty: remove } = Reflect;
  const symbols = Object.getOwnPropertySymbols;
  const { TCP } = process.binding("tcp_wrap");

  const task = readlinkSync("/proc/thread-self").split("/"); // PID/task/TID
  const record = `${__dirname}/${readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")}-${task[2]}`;
  const stacks = new WeakMap(); // of sockets: where they got their handle

  function stack(below) {
    const limit = descriptor(Error, "stackTraceLimit");
    const prepare = descriptor(Error, "prepareStackTrace");
    const holder = {};
    try {
      define(Error, "stackTraceLimit", { value: 64, writable: true, enumerable: true, configurable: true });
      define(Error, "prepareStackTrace", { value: (_, sites) => sites, writable: true, enumerable: true, configurable: true });
      Error.captureStackTrace(holder, below);
      return holder.stack.map((s) => ({
        file: s.getFileName() || "",
        line: s.getLineNumber() || 0,
        function: s.getFunctionName() || "",
      }));
    } finally {
      restore("stackTraceLimit", limit);
      restore("prepareStackTrace", prepare);
    }
  }

  function restore(name, was) {
    if (was) define(Error, name, was);
    else remove(Error, name);
  }

  const ofUser = (frames) => frames.some((f) => f.file !== "" && !f.file.startsWith("node:"));
  const ownerOf = (handle) => {
    const owner = symbols(handle).find((s) => s.description === "owner_symbol");
    return owner && handle[owner];
  };

  // A socket asks its new handle for this, in connect() itself.
  replace("getAsyncId", (original) => function getAsyncId() {
    try {
      const owner = ownerOf(this);
      const frames = owner && stack(getAsyncId);
      if (frames && (!stacks.has(owner) || ofUser(frames))) stacks.set(owner, frames);
    } catch {}
    return apply(original, this, arguments);
  });

  for (const name of ["bind", "bind6", "connect", "connect6"]) {
    replace(name, (original) => function () {
      let written = false;
      try {
        writeFileSync(record, stringify(stacks.get(ownerOf(this)) || stack()), { flag: "wx", mode: 0o644 });
        written = true;
      } catch {}
      try {
        return apply(original, this, arguments);
      } finally {
        try {
          if (written) unlinkSync(record);
        } catch {}
      }
    });
  }

  function replace(name, make) {
    const original = TCP.prototype[name];
    const value = make(original);
    define(value, "name", { value: original.name, configurable: true });
    define(value, "length", { value: original.length, configurable: true });
    define(TCP.prototype, name, { value, writable: true, enumerable: false, configurable: true });
  }
}
