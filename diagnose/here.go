package diagnose

// here is what was found on this machine, between the call and the wire, about one failed attempt. The zero value knows nothing.
type here struct {
	route      routing
	filter     filtering
	leaves     Answer // whether the packets of the same connect left the machine
	confining  confining
	portDenied Answer  // sallyport itself may not connect to the port by TCP, at any address
	plain      routing // the same with no source and no device asked for; nothing where none was
	reverse    reversePath
	conntrack  connTable
}

// confining is what the eBPF programs of a process's cgroup may have to do with a failure.
type confining struct {
	read     bool   // the programs could be read
	cgroup   string // of the process; "" where it could not be read
	programs []cgroupProgram
}

// cgroupProgram is an eBPF program that is attached to a cgroup.
type cgroupProgram struct {
	cgroup string // "/" is the root
	id     uint32
	name   string // "" where it has none
}
