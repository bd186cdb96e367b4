-- Why: what a person pinned, hid, moved and resized among the charts holds for every experiment of the project, on any machine.
create table chart_layouts (
    user_id text not null references users (id),
    project_id text not null references projects (id),
    layout text not null,                    -- JSON of domain::metrics::layout::Layout
    updated_at bigint not null,
    primary key (user_id, project_id)
);
