import { Panel } from "./panel/panel";
import { Stage } from "./stage/stage";
import { chooseTask, task } from "./store/choice";
import { tasks } from "./store/data";
import { text } from "./text/en";

export function App() {
  return (
    <div class="app">
      <nav class="rail" aria-label={text.shell.tasks}>
        {tasks.value.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            aria-pressed={task.value?.name === name}
            onClick={() => chooseTask(name)}
          >
            {title}
          </button>
        ))}
      </nav>
      <main class="stage">
        <Stage />
      </main>
      <aside class="panel">
        <Panel />
      </aside>
    </div>
  );
}
