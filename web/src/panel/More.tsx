import { useEffect, useRef, useState } from "preact/hooks";
import type { Group } from "../api/types";
import { text } from "../text/en";
import { OptionField } from "./controls/OptionField";
import { Icon } from "./icons";
import type { PanelProps } from "./panels";
import { found } from "./search";
import { moreAt, moreOpen } from "./state";
import { useKeyed } from "./use";
import { changedOptions, isChanged } from "./values";

const t = text.panel.more;

interface GroupProps extends PanelProps {
  group: Group;
  open: boolean;
}

function GroupOf(props: GroupProps) {
  const { group, values, set, errorOf } = props;
  const [opened, setOpened] = useState(props.open);
  useEffect(() => setOpened(props.open), [props.open]);
  const count = group.options.filter((option) => isChanged(option, values)).length;
  const wrong = group.options.some((option) => errorOf(option.name) !== null);
  return (
    <details class="p-group" open={opened || wrong} onToggle={(event) => setOpened(event.currentTarget.open)}>
      <summary>
        <Icon name="chevron" />
        <h3>{group.heading}</h3>
        {count > 0 && <span class="p-aside">{t.changedCount(count)}</span>}
      </summary>
      {(opened || wrong) &&
        group.options.map((option) => (
          <div key={option.name} class="p-option" data-option={option.name}>
            <OptionField option={option} values={values} set={set} error={errorOf(option.name)} marked />
          </div>
        ))}
    </details>
  );
}

/** Every option of the command line for the chosen task, as its --help groups them. */
export function More(props: PanelProps) {
  const { task, values } = props;
  const [query, setQuery] = useState("");
  const [onlyChanged, setOnlyChanged] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const groups = found(task, query, values, onlyChanged);
  const changed = changedOptions(task, values).length;
  const searching = query.trim() !== "" || onlyChanged;
  const count = groups.reduce((sum, group) => sum + group.options.length, 0);
  const at = moreAt.value;

  // One option is to be seen, which an error names; else one is searched for.
  useKeyed(at ?? "", () => {
    if (at === null) {
      search.current?.focus({ preventScroll: true });
      return undefined;
    }
    setQuery("");
    setOnlyChanged(false);
    const timer = setTimeout(() => {
      const row = list.current?.querySelector(`[data-option="${CSS.escape(at)}"]`);
      row?.scrollIntoView({ block: "center" });
      row?.querySelector<HTMLElement>("input, select, textarea, button")?.focus();
    }, 50);
    return () => clearTimeout(timer);
  });

  function close(): void {
    moreOpen.value = false;
    moreAt.value = null;
  }

  return (
    <section
      class="p-more"
      aria-label={t.title(task.title)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        if (query !== "") setQuery("");
        else close();
      }}
    >
      <header class="p-top">
        <button type="button" class="icon-button" aria-label={t.back} title={t.back} onClick={close}>
          <Icon name="back" />
        </button>
        <h2>{t.title(task.title)}</h2>
      </header>
      <div class="p-search">
        <Icon name="search" />
        <input
          ref={search}
          class="p-input"
          type="search"
          aria-label={t.search}
          placeholder={t.search}
          autocomplete="off"
          spellcheck={false}
          value={query}
          onInput={(event) => {
            moreAt.value = null;
            setQuery(event.currentTarget.value);
          }}
        />
      </div>
      {(changed > 0 || onlyChanged) && (
        <div class="p-row p-filters">
          <button
            type="button"
            class="p-link"
            aria-pressed={onlyChanged}
            onClick={() => setOnlyChanged(!onlyChanged)}
          >
            {onlyChanged ? t.allOptions : t.onlyChanged(changed)}
          </button>
          <button
            type="button"
            class="p-link"
            onClick={() => {
              props.setAll({});
              setOnlyChanged(false);
            }}
          >
            {t.resetAll}
          </button>
        </div>
      )}
      <p class="hidden" role="status">
        {searching ? (count === 0 ? t.searchNone(query) : t.found(count)) : ""}
      </p>
      <div ref={list}>
        {groups.map((group, index) => (
          <GroupOf
            key={group.heading}
            {...props}
            group={group}
            open={searching || (at === null ? index === 0 : group.options.some(({ name }) => name === at))}
          />
        ))}
        {groups.length === 0 && <p class="p-help">{t.searchNone(query)}</p>}
      </div>
    </section>
  );
}
