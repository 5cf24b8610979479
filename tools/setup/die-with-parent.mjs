// Loaded by --import into a launched program: when the launcher is killed outright, the program stops as if asked to.
const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
}, 500).unref();
