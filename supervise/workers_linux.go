package supervise

import (
	"sync"
)

// workers is the set of workers that are running.
type workers struct {
	mu   sync.Mutex
	all  map[*worker]struct{}
	wg   sync.WaitGroup
	list []*worker // a copy of all, remade when it changes, read without the lock held
}

func (ws *workers) enter(w *worker) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[*worker]struct{}{}
	}
	ws.all[w] = struct{}{}
	ws.relist()
}

func (ws *workers) leave(w *worker) {
	ws.mu.Lock()
	delete(ws.all, w)
	ws.relist()
	ws.mu.Unlock()
	ws.wg.Done()
}

func (ws *workers) relist() {
	ws.list = make([]*worker, 0, len(ws.all))
	for w := range ws.all {
		ws.list = append(ws.list, w)
	}
}

// snapshot is the workers there are now.
func (ws *workers) snapshot() []*worker {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.list
}

// serving is the other workers that serve a call of the same thread as w.
func (ws *workers) serving(w *worker) []*worker {
	var out []*worker
	for _, other := range ws.snapshot() {
		if other != w && other.caller.Load() == int32(w.n.PID) {
			out = append(out, other)
		}
	}
	return out
}
