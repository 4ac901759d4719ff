// What the page of live_browser.py does: watches one session and notes when things are shown and heard.
(() => {
  const BOX = 48; // the mouth box is looked at in BOX x BOX grey levels

  window.join = async (mouth) => {
    const pc = new RTCPeerConnection();
    window.pc = pc;
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("audio", { direction: "recvonly" });
    const video = document.createElement("video");
    video.autoplay = video.playsInline = true;
    video.width = 256;
    document.body.append(video);
    const stream = new MediaStream();
    video.srcObject = stream;
    pc.ontrack = (event) => stream.addTrack(event.track);
    const start = performance.now();
    const first = new Promise((done) => video.requestVideoFrameCallback(() => done(performance.now() - start)));
    await pc.setLocalDescription(await pc.createOffer());
    await pc.setRemoteDescription({ type: "answer", sdp: await window.watch(pc.localDescription.sdp) });
    const painted = await first;
    lookAt(video, mouth);
    listenTo(stream);
    return painted;
  };

  function lookAt(video, [x, y, width, height]) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = BOX;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    window.shown = []; // [time shown, mean level, the box while somebody asked for it]
    window.keepBoxes = false;
    const note = (now, meta) => {
      const [w, h] = [video.videoWidth, video.videoHeight];
      context.drawImage(video, x * w, y * h, width * w, height * h, 0, 0, BOX, BOX);
      const pixels = context.getImageData(0, 0, BOX, BOX).data;
      const grey = new Uint8Array(BOX * BOX);
      let sum = 0;
      for (let i = 0; i < grey.length; i++) sum += grey[i] = (pixels[4 * i] + pixels[4 * i + 1] + pixels[4 * i + 2]) / 3;
      window.shown.push([meta.expectedDisplayTime, sum / grey.length, window.keepBoxes ? Array.from(grey) : null]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }

  function listenTo(stream) {
    const analyser = new AnalyserNode(new AudioContext(), { fftSize: 512 });
    analyser.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(512);
    let loud = false;
    window.beeps = [];
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const peak = samples.subarray(384).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      if (peak > 0.1 && !loud) window.beeps.push(performance.now());
      loud = peak > 0.1 || (loud && peak > 0.02);
    }, 2);
  }

  window.numbers = async () => {
    const found = {};
    (await pc.getStats()).forEach((entry) => {
      if (entry.type === "inbound-rtp") found[entry.kind] = { ...entry };
    });
    return found;
  };

  // Interrupts, then how long the mouth box differed from what it is when it has come to rest.
  window.interrupted = async () => {
    window.keepBoxes = true;
    const asked = performance.now();
    await window.interrupt();
    await new Promise((done) => setTimeout(done, 900));
    window.keepBoxes = false;
    const after = window.shown.filter(([at, , box]) => box && at >= asked);
    const rest = after.at(-1)[2];
    const differs = after.filter(([, , box]) => {
      let sum = 0;
      for (let i = 0; i < rest.length; i++) sum += Math.abs(rest[i] - box[i]);
      return sum / rest.length > 3;
    });
    return differs.length ? differs.at(-1)[0] - asked : 0;
  };
})();
