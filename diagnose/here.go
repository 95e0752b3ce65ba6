package diagnose

// here is what was found on this machine, between the call and the wire, about one failed attempt. The zero value knows nothing.
type here struct {
	route routing
}
