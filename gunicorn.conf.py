"""Read by `gunicorn -k geventwebsocket wsgi:app`, because it lies in the directory where that is typed."""

from gunicorn.workers import SUPPORTED_WORKERS

# gunicorn looks a bare worker name up in this table and nowhere else, and it does so after reading this file.
SUPPORTED_WORKERS["geventwebsocket"] = "mockllm.gunicorn_worker.Worker"

# Nobody asked for gunicorn's control socket, which it would create in the home directory.
control_socket_disable = True
