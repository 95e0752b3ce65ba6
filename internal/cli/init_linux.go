package cli

import (
	"os"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/demo"
	"github.com/sallyport/sallyport/supervise"
	"github.com/sallyport/sallyport/unotify"
)

// Init turns this process into one of sallyport's helpers, where it was started as one. It comes first in main.
func Init() {
	unotify.ChildInit()
	demo.Init()
	supervise.KeeperInit(func(path string) func(*attempt.Life, *attempt.Step) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return nil
		}
		return eventsTo(f, func(error) {})
	})
}
