// Search runs in a worker, and a page that was opened as a file may start none: there a hidden frame does its work.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.body.appendChild(document.createElement("iframe"))
      this.frame.hidden = true
      this.inside = this.frame.contentWindow
      this.inside.postMessage = data => this.onmessage?.(new MessageEvent("message", { data }))
      const script = this.inside.document.createElement("script")
      script.src = url
      this.started = new Promise(resolve => { script.onload = resolve })
      this.inside.document.head.append(script)
    }
    postMessage(data) {
      this.started.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })))
    }
    terminate() {
      this.frame.remove()
    }
  }
}
