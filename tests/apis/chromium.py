"""A real headless Chromium, driven over its DevTools protocol: open a page, wait for something, take a picture."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
_FLAGS = ('--headless=new', '--no-sandbox', '--disable-gpu', '--use-gl=angle', '--use-angle=swiftshader',
          '--enable-unsafe-swiftshader', '--remote-debugging-port=0', '--window-size=1500,1000')  # fmt: skip


def screenshot(url: str, wanted: str, folder: Path, seconds: float = 90) -> bytes:
    """PNG of a page once a JavaScript expression on it is true."""
    from websockets.sync.client import connect

    with subprocess.Popen(
        [CHROMIUM, *_FLAGS, f'--user-data-dir={folder}', 'about:blank'], stderr=subprocess.DEVNULL
    ) as browser:
        try:
            port = _wait(lambda: (folder / 'DevToolsActivePort').read_text().split()[0], seconds)
            pages = json.loads(urllib.request.urlopen(f'http://127.0.0.1:{port}/json').read())
            page = next(each for each in pages if each['type'] == 'page')
            with connect(page['webSocketDebuggerUrl'], max_size=None) as socket:
                _ask(socket, 'Page.navigate', url=url)
                _wait(lambda: _ask(socket, 'Runtime.evaluate', expression=wanted)['result']['value'] or 1 / 0, seconds)
                time.sleep(1)  # fades end
                return base64.b64decode(_ask(socket, 'Page.captureScreenshot', format='png')['data'])
        finally:
            browser.terminate()


def _ask(socket, method: str, **params) -> dict:
    socket.send(json.dumps(dict(id=1, method=method, params=params)))
    while True:
        answer = json.loads(socket.recv(timeout=60))
        if answer.get('id') == 1:
            return answer['result']


def _wait(look, seconds: float):
    end = time.monotonic() + seconds
    while True:
        try:
            return look()
        except (OSError, IndexError, KeyError, ZeroDivisionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)
