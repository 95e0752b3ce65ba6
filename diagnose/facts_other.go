//go:build !linux

package diagnose

// ReadFacts knows nothing outside Linux.
func ReadFacts() Facts { return Facts{UnprivilegedMin: -1} }

func capBindService(int) Answer { return Unknown }
